import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually, intent, openTestLog, sql } from './support.ts';
import { startTcpProxy } from './tcp-proxy.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

describe('openAuditLog', () => {
  test('writes the first and the last record of its boot, the last one with the counter before it', async () => {
    const log = await openTestLog(database.writerUrl);
    await log.append([intent()]);
    await log.close();
    const rows = await sql(
      database.adminUrl,
      `SELECT kind, wseq, details->>'lastWseq' AS last FROM talosgate.audit_entry
       WHERE boot_id = $1 AND kind LIKE 'boot.%' ORDER BY idx`,
      [log.bootId],
    );
    expect(rows).toEqual([
      { kind: 'boot.open', wseq: 1, last: null },
      { kind: 'boot.close', wseq: 3, last: '2' },
    ]);
    await expect(log.append([intent()])).rejects.toMatchObject({ code: 'draining' });
    await expect(log.enqueue(intent())).rejects.toMatchObject({ code: 'draining' });
  });

  test('rejects when the database is away or does not answer', async () => {
    const nobody = 'postgres://x:y@127.0.0.1:1/z';
    await expect(openTestLog(nobody)).rejects.toMatchObject({ code: 'audit-unavailable' });
    const proxy = await startTcpProxy(database.writerUrl);
    proxy.deafen();
    const silent = openTestLog(proxy.url, { connection: { url: proxy.url, connectTimeoutMs: 300 } });
    await expect(silent).rejects.toMatchObject({ code: 'audit-unavailable' });
    await proxy.close();
  });

  test('closes within its limit when the database is away, and tells waiting callers', async () => {
    const proxy = await startTcpProxy(database.writerUrl);
    const problems: string[] = [];
    const log = await openTestLog(proxy.url, { drainMs: 200, report: problem => problems.push(problem) });
    proxy.blackHole();
    const outcome = log.enqueue({ kind: 'call.outcome', callId: 'x' });
    await eventually(() => log.health().queued === 1);
    await log.close();
    await expect(outcome).rejects.toMatchObject({ code: 'audit-unavailable' });
    expect(problems.join()).toMatch(/1 audit records could not be written/);
    await proxy.close();
  });
});
