import { join } from 'node:path';
import { type AuditLog, openAuditLog } from '../../src/audit/log.ts';
import type { AuditRecord } from '../../src/core/audit-record.ts';
import { systemClock, uuidv7 } from '../../src/core/clock.ts';
import { createNaiveAudit } from './audit/naive-audit.ts';
import { type BenchDatabase, startDatabase } from './database.ts';
import type { BenchOptions } from './options.ts';
import { quantile } from './statistics.ts';

/** `log`: ours. `naive`: one awaited INSERT for each record through a pool. */
export const appendSubjects = ['log', 'naive'] as const;
export type AppendSubject = (typeof appendSubjects)[number];

/**
 * `record`: a call is one record, and its caller waits for it. `call`: the caller waits for the intent; the outcome follows
 * and nobody waits for it, as with a call that reads.
 */
export const appendShapes = ['record', 'call'] as const;
export type AppendShape = (typeof appendShapes)[number];

/** Callers at a time. */
export const appendConcurrencies = [1, 64] as const;

/** One measured stretch. Latencies in microseconds, of the record that the caller waits for. */
export interface AppendSample {
  readonly round: number;
  readonly subject: AppendSubject;
  readonly shape: AppendShape;
  readonly concurrency: number;
  readonly callsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** CPU for each call, microseconds: of the writing process, and of Postgres. */
  readonly cpuPerCall: number;
  readonly databaseCpuPerCall: number;
}

/**
 * Measures the log alone, without calls: ours beside one INSERT per record, in one process, in turns, each second round in
 * the opposite order.
 */
export async function benchAppend(
  options: BenchOptions,
  folder: string,
  onSample: (sample: AppendSample) => void,
): Promise<AppendSample[]> {
  const database = await startDatabase(join(folder, 'postgres-append'));
  const logs: Readonly<Record<AppendSubject, AuditLog>> = {
    log: await openAuditLog({ connection: { url: database.writerUrl }, replica: 'bench' }),
    naive: createNaiveAudit(database.adminUrl),
  };
  const samples: AppendSample[] = [];
  try {
    for (const subject of appendSubjects) await load(logs[subject], 'call', 64, options.warmUpMs);
    for (let round = 0; round < options.rounds; round++) {
      for (const shape of appendShapes) {
        for (const concurrency of appendConcurrencies) {
          for (const subject of round % 2 === 0 ? appendSubjects : appendSubjects.toReversed()) {
            await load(logs[subject], shape, concurrency, options.leadInMs);
            const sample = await measure(database, logs[subject], shape, concurrency, options.measureMs);
            const whole = { round, subject, shape, concurrency, ...sample };
            samples.push(whole);
            onSample(whole);
          }
        }
      }
    }
    return samples;
  } finally {
    for (const subject of appendSubjects) await logs[subject].close();
    await database.stop();
  }
}

type Measured = Omit<AppendSample, 'round' | 'subject' | 'shape' | 'concurrency'>;

async function measure(
  database: BenchDatabase,
  log: AuditLog,
  shape: AppendShape,
  concurrency: number,
  ms: number,
): Promise<Measured> {
  const [own, others] = [process.cpuUsage(), database.cpuSeconds()];
  const { latencies, seconds } = await load(log, shape, concurrency, ms);
  const used = process.cpuUsage(own);
  const calls = latencies.length;
  const sorted = latencies.toSorted((a, b) => a - b);
  return {
    callsPerSecond: calls / seconds,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    cpuPerCall: (used.user + used.system) / calls,
    databaseCpuPerCall: ((database.cpuSeconds() - others) / calls) * 1e6,
  };
}

/** Callers that go on for so long; over when the last record of theirs is durable, waited for or not. */
async function load(
  log: AuditLog,
  shape: AppendShape,
  concurrency: number,
  ms: number,
): Promise<{ readonly latencies: number[]; readonly seconds: number }> {
  const latencies: number[] = [];
  const rest = new Set<Promise<void>>();
  const started = performance.now();
  const caller = async (): Promise<void> => {
    for (let before = performance.now(); before < started + ms; before = performance.now()) {
      const callId = uuidv7(systemClock);
      await log.append([shape === 'call' ? intentOf(callId) : { ...intentOf(callId), kind: 'call.deny' }]);
      latencies.push((performance.now() - before) * 1000);
      if (shape === 'record') continue;
      const written = log.enqueue(outcomeOf(callId), { patient: true });
      rest.add(written);
      void written.then(() => rest.delete(written));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  await Promise.all(rest);
  return { latencies, seconds: (performance.now() - started) / 1000 };
}

/** As full as those of an everyday call. */
function intentOf(callId: string): AuditRecord {
  return {
    ...shared,
    kind: 'call.intent',
    callId,
    leg: 0,
    principalKind: 'person',
    groups: ['operators', 'platform'],
    proofs: [{ kind: 'mtls', fingerprint: '4d'.repeat(32), serial: '0a1b2c3d4e5f', issuer: 'CN=people' }],
    peerAddress: '192.0.2.17',
    peerPort: 51_724,
    userAgent: 'grpc-go/1.79.0',
    decision: 'allow',
    rule: 'policies/policy.csv:12',
    policyRevision: 'b7'.repeat(32),
    requestDigest: `k1:${'c3'.repeat(32)}`,
    request: {},
    talosRole: 'os:reader',
  };
}

function outcomeOf(callId: string): AuditRecord {
  const counts = { requestBytes: 5, requestMessages: 1, responseBytes: 180, responseMessages: 1 };
  return {
    ...shared,
    kind: 'call.outcome',
    callId,
    leg: 0,
    grpcCode: 0,
    endCause: 'server',
    durationUs: 2_345,
    ...counts,
  };
}

const shared = {
  principal: 'alice@example.com',
  method: '/machine.MachineService/Version',
  action: 'version.read',
  risk: 'read',
  resource: 'node',
  cluster: 'bench',
  node: 'bench-1',
} as const;
