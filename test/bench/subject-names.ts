/** Everything that can be measured, in the order of the tables. */
export const subjectTitles = {
  direct: 'direct, no relay',
  nginx: 'nginx grpc_pass',
  bare: 'bare relay (ours)',
  'grpc-js': 'grpc-js relay',
  full: 'full gateway',
  'no-audit': 'full, audit off',
  naive: 'full, INSERT per record',
} as const;

export type SubjectName = keyof typeof subjectTitles;

/** Whether a subject writes audit records, and so needs Postgres. */
export function records(name: SubjectName): boolean {
  return name === 'full' || name === 'naive';
}

export const subjectNames = Object.keys(subjectTitles) as SubjectName[];
