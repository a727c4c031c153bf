import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { startChild } from './children.ts';
import { type BenchDatabase, startDatabase } from './database.ts';
import { runRounds, type Sample } from './measure.ts';
import type { BenchOptions } from './options.ts';
import { writePki } from './pki.ts';
import { probe } from './probe.ts';
import type { Subject } from './subject.ts';
import { records, type SubjectName } from './subject-names.ts';
import { findNginx } from './subjects/nginx.ts';
import { startSubject } from './subjects.ts';

export interface CallsResult {
  readonly samples: readonly Sample[];
  /** Median of one durable INSERT in each round, microseconds; empty when nothing in the run records. */
  readonly inserts: readonly number[];
  /** Version of nginx, undefined when there is none. */
  readonly nginx: string | undefined;
}

/** Starts the node, the load client, Postgres and all subjects, measures, and stops everything, also on Ctrl-C. */
export async function benchCalls(
  options: BenchOptions,
  folder: string,
  print: (line: string) => void,
  onSample: (sample: Sample) => void,
): Promise<CallsResult> {
  const closers: (() => Promise<void>)[] = [];
  const opened = <T extends { stop(): Promise<void> }>(thing: T): T => {
    closers.push(() => thing.stop());
    return thing;
  };
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  const interrupted = (): void => {
    void closeAll().finally(() => process.exit(130));
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    const pki = join(folder, 'pki');
    await writePki(pki);
    const upstream = opened(await startChild({ module: new URL('./upstream.ts', import.meta.url), settings: { pki } }));
    const client = opened(
      await startChild({ module: new URL('./load-client.ts', import.meta.url), settings: { pki } }),
    );
    const nginx = await findNginx();
    const names = options.subjects.filter(name => name !== 'nginx' || nginx !== undefined);
    const database = names.some(records) ? opened(await startDatabase(join(folder, 'postgres'))) : undefined;
    const settings = { pki, upstream: Number(upstream.ready['port']) };
    const context = { folder, settings, upstream, database, profiled: options.profiled };
    const subjects = new Map<SubjectName, Subject>();
    for (const name of names) subjects.set(name, opened(await startSubject(name, context)));
    for (const { port } of subjects.values()) await probe(port, pki);
    print(headLine(options, nginx));
    const inserts: number[] = [];
    const samples = await runRounds({
      options,
      client,
      subjects,
      databaseSeconds: () => database?.cpuSeconds() ?? Number.NaN,
      beside: async () => {
        if (database !== undefined) inserts.push(await measureInsert(database, options));
      },
      onSample,
    });
    return { samples, inserts, nginx };
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    await closeAll();
  }
}

/** A while to get warm, then up to a second that counts. */
async function measureInsert(database: BenchDatabase, options: BenchOptions): Promise<number> {
  await database.insertP50(options.leadInMs);
  return await database.insertP50(Math.min(1000, options.measureMs));
}

function headLine({ rounds, measureMs }: BenchOptions, nginx: string | undefined): string {
  const load = loadavg()[0]?.toFixed(1) ?? '?';
  return [
    '\nVersion over TLS 1.3 with client certificates on both hops; every row is a process of its own.',
    `${rounds} interleaved rounds of ${measureMs / 1000} s, medians (least–most).`,
    `Node ${process.version}, ${availableParallelism()} processors, load ${load} at the start.`,
    nginx ?? 'nginx is missing on PATH and left out; apt-get install nginx-light brings it, for example.',
  ].join('\n');
}
