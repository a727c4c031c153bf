import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AuditLog } from '../../../src/audit/log.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually, intent, openTestLog, outcome, soundness, sql } from './support.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

const limits = { queueRecords: 16, outcomeRecords: 64 };
let database: TestDatabase;
let proxy: TcpProxy;
let log: AuditLog;
const told: string[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await startTcpProxy(database.writerUrl);
  log = await openTestLog(proxy.url, { appendMs: 400, limits, report: problem => void told.push(problem) });
});
afterAll(async () => {
  await log.close();
  await proxy.close();
  await database.drop();
});

const codeOf = (thrown: unknown): unknown => (thrown as { code?: unknown }).code;

test('every intent ends in one outcome after an outage, whatever else was enqueued meanwhile', async () => {
  const calls = Array.from({ length: 4 }, () => randomUUID());
  const legs = Array.from({ length: 16 }, (_, leg) => leg);
  for (const call of calls) await log.append(legs.map(leg => intent(call, { leg })));
  // 64 are open, and that is all there is room for.
  await expect(log.append([intent()])).rejects.toMatchObject({ code: 'overloaded' });
  expect(log.health().reserved).toBe(64);

  proxy.blackHole();
  const denials = Array.from({ length: 60 }, () => log.enqueue({ kind: 'call.deny' }).then(() => 'kept', codeOf));
  const outcomes = calls.flatMap(call => legs.map(leg => log.enqueue(outcome(call, { leg }))));
  await eventually(() => !log.health().ok);
  expect(log.health().reserved).toBe(0);
  proxy.heal();
  await Promise.all(outcomes);
  expect(log.health().dropped).toBe(44);
  expect(await Promise.all(denials)).toEqual([
    ...Array.from({ length: 16 }, () => 'kept'),
    ...Array.from({ length: 44 }, () => 'overloaded'),
  ]);

  const rows = await sql<{ kind: string; n: number }>(
    database.adminUrl,
    `SELECT kind, count(*) AS n FROM talosgate.audit_entry WHERE kind LIKE 'call.%' GROUP BY kind ORDER BY kind`,
  );
  expect(rows).toEqual([
    { kind: 'call.deny', n: 16 },
    { kind: 'call.intent', n: 64 },
    { kind: 'call.outcome', n: 64 },
  ]);
  expect(await soundness(database.adminUrl)).toMatchObject({ gaps: 0, counterGaps: 0, badLeaves: 0, open: 0 });
  expect(told.filter(line => line.includes('could not be kept'))).toHaveLength(1);
});

test('gives the room back for intents that never became durable', async () => {
  proxy.blackHole();
  const refused = await Promise.allSettled(Array.from({ length: 12 }, () => log.append([intent()])));
  expect(refused.every(one => one.status === 'rejected')).toBe(true);
  proxy.heal();
  await eventually(() => log.health().ok && log.health().queued === 0 && log.health().reserved === 0);
  expect(await soundness(database.adminUrl)).toMatchObject({ open: 0 });
});
