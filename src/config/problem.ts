/** One thing that is wrong with the configuration, or only odd, where it stands and what to do about it. */
export interface ConfigProblem {
  readonly severity: 'error' | 'warning';
  /** The file that holds the mistake: the configuration, or a certificate that it names. */
  readonly file: string;
  /** From 1; 0 when the problem is about the file as a whole. */
  readonly line: number;
  readonly column: number;
  /** Key path such as `listen.grpc.address`; empty for the file as a whole. */
  readonly key: string;
  /** Never repeats the content of a secret. */
  readonly message: string;
  readonly remedy: string;
}

/** Writes a problem for people: `talosgate.yaml:12:5: identity.jwt.0.issuer: ... (remedy)`. */
export function formatProblem(problem: ConfigProblem): string {
  const place = problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`;
  const key = problem.key === '' ? '' : `${problem.key}: `;
  const mark = problem.severity === 'warning' ? 'warning: ' : '';
  return `${place}: ${mark}${key}${problem.message}\n    ${problem.remedy}`;
}
