import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRefusals } from '../../../src/audit/refusals.ts';
import type { AuditRecord } from '../../../src/core/audit-record.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { openTestLog, sql } from './support.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

let database: TestDatabase;
let proxy: TcpProxy;
beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await startTcpProxy(database.writerUrl);
});
afterAll(async () => {
  await proxy.close();
  await database.drop();
});

const limits = { perSecond: 30, perSourceSecond: 20 };
const denial = (peerAddress: string, more: Partial<AuditRecord> = {}): AuditRecord => ({
  kind: 'call.deny',
  decision: 'deny',
  reason: 'unauthenticated',
  peerAddress,
  details: { failure: 'no-credential' },
  ...more,
});
const summaries = async (): Promise<Record<string, unknown>[]> =>
  (
    await sql<{ details: Record<string, unknown> }>(
      database.adminUrl,
      `SELECT details FROM talosgate.audit_entry WHERE kind = 'overload.summary' ORDER BY idx`,
    )
  ).map(row => row.details);

test('stranger records the first of a second and counts the rest; close hands over the last counts', async () => {
  const log = await openTestLog(proxy.url);
  const clock = { ...systemClock, monotonic: () => 0 };
  const refusals = createRefusals({ audit: log, clock, limits, everyMs: 60_000 });
  const flood = ['198.51.100.1', '198.51.100.2', '2001:db8::1', '2001:db8::2'].flatMap(address =>
    Array.from({ length: 50 }, () => denial(address)),
  );
  await Promise.all(flood.map(one => refusals.stranger(one)));
  refusals.count(denial('203.0.113.9', { principal: 'alice@example.com', reason: 'overloaded', details: undefined }));
  expect(await summaries()).toEqual([]);
  refusals.close();
  await log.close();
  const [rows] = await sql<{ n: number }>(
    database.adminUrl,
    `SELECT count(*) AS n FROM talosgate.audit_entry WHERE kind = 'call.deny'`,
  );
  expect(rows?.n).toBe(30);
  expect(await summaries()).toEqual([
    expect.objectContaining({
      total: '171',
      sources: ['198.51.100.0/24 no-credential 80', '2001:db8:0:0::/56 no-credential 90'],
      principals: ['alice@example.com overloaded 1'],
    }),
  ]);
});

test('counts that the log has no room for are told in the next summary', async () => {
  const before = (await summaries()).length;
  const log = await openTestLog(proxy.url, { appendMs: 300, limits: { queueRecords: 4 } });
  const refusals = createRefusals({ audit: log, clock: systemClock, limits, everyMs: 50 });
  proxy.blackHole();
  const denials = Array.from({ length: 8 }, () => log.enqueue({ kind: 'policy.activated' }).catch(() => 'dropped'));
  // One stranger has room, four have not.
  const outcomes = Promise.allSettled(Array.from({ length: 5 }, () => refusals.stranger(denial('192.0.2.1'))));
  await new Promise(resolve => setTimeout(resolve, 300));
  proxy.heal();
  await Promise.all(denials);
  expect((await outcomes).filter(one => one.status === 'fulfilled').length).toBeGreaterThanOrEqual(4);
  await new Promise(resolve => setTimeout(resolve, 300));
  refusals.close();
  await log.close();
  const told = (await summaries()).slice(before);
  expect(told.reduce((sum, one) => sum + Number(one['total']), 0)).toBe(4);
});
