import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHeartbeat } from '../../../src/audit/heartbeat.ts';
import { createSteadyRecorder } from '../../../src/audit/steady.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually, openTestLog, sql } from './support.ts';
import { startTcpProxy } from './tcp-proxy.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const detailsOf = async (kind: string): Promise<readonly Record<string, unknown>[]> => {
  const rows = await sql<{ details: Record<string, unknown> }>(
    database.adminUrl,
    'SELECT details FROM talosgate.audit_entry WHERE kind = $1 ORDER BY idx',
    [kind],
  );
  return rows.map(row => row.details);
};

describe('SteadyRecorder', () => {
  test('writes what a full queue turned away as soon as there is room', async () => {
    const proxy = await startTcpProxy(database.writerUrl);
    const log = await openTestLog(proxy.url, { limits: { queueRecords: 1 }, appendMs: 300 });
    const steady = createSteadyRecorder(log, () => undefined, 20);
    proxy.blackHole();
    for (const name of ['a', 'b', 'c', 'd']) steady.record({ kind: 'policy.activated', details: { name } });
    await eventually(() => (log.health().dropped ?? 0) > 2);
    proxy.heal();
    await steady.close(10_000);
    expect((await detailsOf('policy.activated')).map(details => details['name']).toSorted()).toEqual([
      'a',
      'b',
      'c',
      'd',
    ]);
    await log.close();
    await proxy.close();
  });
});

describe('boot.open and boot.beat', () => {
  test('say what is in force and how the log stands', async () => {
    const log = await openTestLog(database.writerUrl, { inForce: { version: '9.9.9' } });
    const beat = startHeartbeat({ audit: log, details: () => ({ policyRevision: 'abc' }), everyMs: 20 });
    await eventually(async () => (await detailsOf('boot.beat')).length > 1);
    beat.close();
    await log.close();
    expect((await detailsOf('boot.open')).at(-1)).toEqual({ replica: 'test', version: '9.9.9' });
    expect((await detailsOf('boot.beat'))[0]).toMatchObject({ policyRevision: 'abc', dropped: '0', openCalls: '0' });
  });
});

describe('health().awayMs', () => {
  test('grows while the database does not answer although nobody writes, and is 0 again after', async () => {
    const proxy = await startTcpProxy(database.writerUrl);
    const log = await openTestLog(proxy.url, { beatMs: 50 });
    expect(log.health().awayMs).toBe(0);
    proxy.blackHole();
    await eventually(() => (log.health().awayMs ?? 0) > 3_000, 15_000);
    proxy.heal();
    await eventually(() => log.health().awayMs === 0);
    await log.close();
    await proxy.close();
  });
});
