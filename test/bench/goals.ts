import type { AppendSample, AppendShape, AppendSubject } from './append-bench.ts';
import type { Sample } from './measure.ts';
import type { PolicyBenchRow } from './policy-bench.ts';
import { type Spread, spreadOf } from './statistics.ts';
import type { SubjectName } from './subject-names.ts';

/** A ratio that the gateway should reach. `Of` is what one round of its measurement gave. */
export interface Goal<Of> {
  readonly text: string;
  readonly must: number;
  readonly stretch: number;
  readonly better: 'higher' | 'lower';
  /** The ratio in one round, undefined when a part of it was not measured. */
  readonly of: (round: Of) => number | undefined;
  /** CPU per call of the peer divided by ours: the steadier half of the same comparison. */
  readonly cpu?: (round: Of) => number | undefined;
}

/** What one round measured. */
export interface RoundView {
  readonly sample: (subject: SubjectName, concurrency: number) => Sample | undefined;
  /** Median of one durable INSERT, one caller, microseconds. */
  readonly insertP50: number | undefined;
}

export interface Verdict {
  readonly text: string;
  readonly better: 'higher' | 'lower';
  readonly must: number;
  readonly stretch: number;
  readonly ratio: Spread;
  readonly cpu: Spread | undefined;
  readonly verdict: 'stretch met' | 'must met' | 'NOT MET' | 'not measured';
}

export const callGoals: readonly Goal<RoundView>[] = [
  throughput('full gateway / bare relay', 'full', 'bare', 100, 0.6, 0.75),
  throughput('full gateway / nginx grpc_pass', 'full', 'nginx', 100, 0.4, 0.55),
  throughput('full gateway / bare grpc-js relay', 'full', 'grpc-js', 100, 1.0, 1.4),
  throughput('full gateway / one INSERT per record', 'full', 'naive', 100, 2.0, 3.0),
  throughput('full gateway / one INSERT per record', 'full', 'naive', 10, 1.25, 1.5),
  throughput('full gateway / one INSERT per record', 'full', 'naive', 1, 0.9, 1.0),
  throughput('policy and identity: audit off / bare relay', 'no-audit', 'bare', 100, 0.9, 0.95),
  {
    text: '(p50 full - p50 bare) / p50 of one durable INSERT, at 1',
    must: 2.0,
    stretch: 1.3,
    better: 'lower',
    of: ({ sample, insertP50 }) => {
      const [full, bare] = [sample('full', 1), sample('bare', 1)];
      if (full === undefined || bare === undefined || insertP50 === undefined) return undefined;
      return (full.p50 - bare.p50) / insertP50;
    },
  },
];

/** Of the log alone, in both shapes: many callers must gain, and a lone one must not lose. */
export const appendGoals: readonly Goal<readonly AppendSample[]>[] = (['record', 'call'] as const).flatMap(shape => [
  {
    text: `append / one INSERT per record, ${shape}s/s at 64`,
    must: 2.0,
    stretch: 3.0,
    better: 'higher',
    of: round => ratioOf(round, shape, 64, sample => sample.callsPerSecond),
    cpu: round => ratioOf(round, shape, 64, sample => 1 / (sample.cpuPerCall + sample.databaseCpuPerCall)),
  } satisfies Goal<readonly AppendSample[]>,
  {
    text: `append / one INSERT per record, p50 of a ${shape} at 1`,
    must: 1.0,
    stretch: 0.9,
    better: 'lower',
    of: round => ratioOf(round, shape, 1, sample => sample.p50),
    cpu: round => ratioOf(round, shape, 1, sample => 1 / (sample.cpuPerCall + sample.databaseCpuPerCall)),
  } satisfies Goal<readonly AppendSample[]>,
]);

function ratioOf(
  round: readonly AppendSample[],
  shape: AppendShape,
  concurrency: number,
  read: (sample: AppendSample) => number,
): number | undefined {
  const find = (subject: AppendSubject): AppendSample | undefined =>
    round.find(one => one.subject === subject && one.shape === shape && one.concurrency === concurrency);
  const [ours, theirs] = [find('log'), find('naive')];
  return ours === undefined || theirs === undefined ? undefined : read(ours) / read(theirs);
}

/** Of all shapes of rules the worst. */
export const policyGoal: Goal<readonly PolicyBenchRow[]> = {
  text: 'decision cost, 10,000 rules / 10 rules',
  must: 1.2,
  stretch: 1.05,
  better: 'lower',
  of: rows => {
    const ratios = rows
      .filter(row => row.rules === 10_000)
      .map(
        many =>
          many.decideUs / (rows.find(few => few.shape === many.shape && few.rules === 10)?.decideUs ?? Number.NaN),
      );
    return ratios.length === 0 ? undefined : Math.max(...ratios);
  },
};

/** Compares round by round and takes the median of the ratios, so that what slows a whole round cancels out. */
export function judge<Of>(goal: Goal<Of>, rounds: readonly Of[]): Verdict {
  const { text, better, must, stretch } = goal;
  const present = (value: number | undefined): value is number => value !== undefined;
  const ratio = spreadOf(rounds.map(goal.of).filter(present));
  const cpu = goal.cpu === undefined ? undefined : spreadOf(rounds.map(goal.cpu).filter(present));
  const reached = (limit: number): boolean =>
    goal.better === 'higher' ? ratio.median >= limit : ratio.median <= limit;
  const verdict = Number.isNaN(ratio.median)
    ? 'not measured'
    : reached(stretch)
      ? 'stretch met'
      : reached(must)
        ? 'must met'
        : 'NOT MET';
  return { text, better, must, stretch, ratio, cpu, verdict };
}

function throughput(
  text: string,
  subject: SubjectName,
  peer: SubjectName,
  concurrency: number,
  must: number,
  stretch: number,
): Goal<RoundView> {
  const both = (round: RoundView, compare: (ours: Sample, theirs: Sample) => number): number | undefined => {
    const [ours, theirs] = [round.sample(subject, concurrency), round.sample(peer, concurrency)];
    return ours === undefined || theirs === undefined ? undefined : compare(ours, theirs);
  };
  return {
    text: `${text}, calls/s at ${concurrency}`,
    must,
    stretch,
    better: 'higher',
    of: round => both(round, (ours, theirs) => ours.callsPerSecond / theirs.callsPerSecond),
    cpu: round => both(round, (ours, theirs) => theirs.cpuPerCall / ours.cpuPerCall),
  };
}
