import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from './children.ts';
import type { LoadResult } from './load-client.ts';
import type { BenchOptions } from './options.ts';
import type { Subject } from './subject.ts';
import type { SubjectName } from './subject-names.ts';

/** One measured stretch of load on one subject. Latencies in microseconds. */
export interface Sample {
  readonly round: number;
  readonly concurrency: number;
  readonly subject: SubjectName;
  /** Refused or broken calls; on an overloaded machine a record may take longer than the gateway waits for it. */
  readonly failures: number;
  readonly callsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** CPU of the subject's process, microseconds for each call. */
  readonly cpuPerCall: number;
  /** The same of the database, NaN where it is not known; near 0 for subjects that do not record. */
  readonly databaseCpuPerCall: number;
  /** The same of the load client, to see that it was not the limit. */
  readonly clientCpuPerCall: number;
}

export interface RoundPlan {
  readonly options: BenchOptions;
  readonly client: Child;
  readonly subjects: ReadonlyMap<SubjectName, Subject>;
  /** CPU seconds of the database so far; NaN without one. */
  readonly databaseSeconds: () => number;
  /** Done once in each round, between the subjects. */
  readonly beside: (round: number) => Promise<void>;
  readonly onSample: (sample: Sample) => void;
}

/**
 * Measures all subjects side by side: every round visits each of them once at each concurrency, every second round in
 * the opposite order, so that a machine that slows down or speeds up does so for all. Rejects when more than one
 * call in a hundred fails.
 */
export async function runRounds(plan: RoundPlan): Promise<Sample[]> {
  const { options, subjects, beside, onSample } = plan;
  const samples: Sample[] = [];
  // The machine code of a process is as good after this as it gets, however busy the machine.
  for (const { port } of subjects.values()) {
    const { warmUpMs, warmUpCalls } = options;
    await plan.client.ask('start', { port, concurrency: Math.max(...options.concurrencies), warmUpMs, warmUpCalls });
    await plan.client.ask('finish');
  }
  for (let round = 0; round < options.rounds; round++) {
    await beside(round);
    for (const concurrency of options.concurrencies) {
      const order = [...subjects];
      if (round % 2 === 1) order.reverse();
      for (const [name, subject] of order) {
        const sample = await measure(plan, name, subject, round, concurrency);
        samples.push(sample);
        onSample(sample);
      }
    }
  }
  return samples;
}

async function measure(
  { options, client, databaseSeconds }: RoundPlan,
  name: SubjectName,
  subject: Subject,
  round: number,
  concurrency: number,
): Promise<Sample> {
  try {
    await client.ask('start', { port: subject.port, concurrency, warmUpMs: options.leadInMs, warmUpCalls: 0 });
    const usage = async (): Promise<readonly [number, number, number]> => [
      await subject.cpuSeconds(),
      databaseSeconds(),
      (await client.ask('usage')) as number,
    ];
    const before = await usage();
    await sleep(options.measureMs);
    const after = await usage();
    const { calls, failures, seconds, p50, p99 } = (await client.ask('finish')) as LoadResult;
    if (failures > calls / 100) throw new Error(`${failures} of ${calls} calls failed`);
    return {
      round,
      concurrency,
      subject: name,
      failures,
      callsPerSecond: calls / seconds,
      p50,
      p99,
      cpuPerCall: ((after[0] - before[0]) / calls) * 1e6,
      databaseCpuPerCall: ((after[1] - before[1]) / calls) * 1e6,
      clientCpuPerCall: ((after[2] - before[2]) / calls) * 1e6,
    };
  } catch (cause) {
    throw new Error(`${name} at ${concurrency} calls at a time could not be measured`, { cause });
  }
}
