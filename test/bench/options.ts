import { parseArgs } from 'node:util';
import { type SubjectName, subjectNames } from './subject-names.ts';

export interface BenchOptions {
  readonly quick: boolean;
  /** Decisions alone, without calls. */
  readonly policy: boolean;
  /** The audit log alone, without calls. */
  readonly append: boolean;
  readonly rounds: number;
  readonly measureMs: number;
  /** Load on each subject before anything is measured: so long, and so many calls. */
  readonly warmUpMs: number;
  readonly warmUpCalls: number;
  /** Load before each measurement, not counted. */
  readonly leadInMs: number;
  readonly concurrencies: readonly number[];
  readonly subjects: readonly SubjectName[];
  /** Subjects that run with --cpu-prof. */
  readonly profiled: ReadonlySet<SubjectName>;
}

export const usage = `npm run bench -- [options]        each also as environment variable TALOSGATE_BENCH_<NAME>

  --quick              one short round: shows that everything runs, not how fast
  --only a,b           only these of: policy, append, ${subjectNames.join(', ')}
  --rounds n           interleaved rounds, 3 unless said
  --seconds n          length of one measurement, 3 unless said
  --concurrency a,b    calls at a time, 1,10,100 unless said
  --profile a,b        write a CPU profile of these subjects and list what is hot
`;

const flags = {
  quick: { type: 'boolean' },
  only: { type: 'string' },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  concurrency: { type: 'string' },
  profile: { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** Reads the options of a run; undefined when only the usage text is wanted. Throws on what it does not know. */
export function readOptions(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): BenchOptions | undefined {
  const { values } = parseArgs({ args: [...argv], options: flags });
  if (values.help === true) return undefined;
  const text = (name: 'only' | 'rounds' | 'seconds' | 'concurrency' | 'profile'): string | undefined =>
    values[name] ?? environment[`TALOSGATE_BENCH_${name.toUpperCase()}`];
  const quick = values.quick === true || environment['TALOSGATE_BENCH_QUICK'] === '1';
  const profiled = new Set(list(text('profile'))?.map(subjectNamed) ?? []);
  const only = list(text('only'));
  const subjects = only?.filter(name => name !== 'policy' && name !== 'append').map(subjectNamed) ?? subjectNames;
  return {
    quick,
    policy: only === undefined || only.includes('policy'),
    append: only === undefined || only.includes('append'),
    rounds: positive(text('rounds'), quick ? 1 : 3),
    measureMs: 1000 * positive(text('seconds'), quick ? 0.7 : 3),
    warmUpMs: quick ? 500 : 1500,
    warmUpCalls: quick ? 500 : 10_000,
    leadInMs: quick ? 200 : 500,
    concurrencies: list(text('concurrency'))?.map(value => positive(value, 1)) ?? [1, 10, 100],
    subjects: subjectNames.filter(name => subjects.includes(name) || profiled.has(name)),
    profiled,
  };
}

function subjectNamed(name: string): SubjectName {
  const known = subjectNames.find(subject => subject === name);
  if (known === undefined) throw new Error(`there is no subject ${name}; there are ${subjectNames.join(', ')}`);
  return known;
}

function list(text: string | undefined): string[] | undefined {
  return text === undefined || text === '' ? undefined : text.split(',').map(part => part.trim());
}

function positive(text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (!(value > 0)) throw new Error(`${text ?? ''} is not a positive number`);
  return value;
}
