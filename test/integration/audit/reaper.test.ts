import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuditLog } from '../../../src/audit/log.ts';
import { reapOnce, startReaper } from '../../../src/audit/reaper.ts';
import { createPool, type Pool } from '../../../src/db/pool.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually, intent, openTestLog, outcome, soundness, sql } from './support.ts';
import { startTcpProxy } from './tcp-proxy.ts';

let database: TestDatabase;
let pool: Pool;
let log: AuditLog;
let other: AuditLog;
const quiet = { warn: () => undefined };

beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool({ url: database.writerUrl, max: 4 });
  log = await openTestLog(database.writerUrl, { beatMs: 100 });
  other = await openTestLog(database.writerUrl, { beatMs: 100 });
});
afterAll(async () => {
  await log.close();
  await other.close();
  await pool.close();
  await database.drop();
});

/** A gateway process of its own, which begins `calls` calls, ends the first and then waits. */
async function startHolder(calls: number): Promise<{ child: ChildProcess; bootId: string }> {
  const module = new URL('../../../src/audit/log.ts', import.meta.url).href;
  const script = `
    const { openAuditLog } = await import(${JSON.stringify(module)});
    const log = await openAuditLog({ connection: { url: process.env.HOLDER_URL }, replica: 'holder', beatMs: 100 });
    for (let n = 0; n < ${calls}; n += 1) {
      await log.append([{ kind: 'call.intent', callId: log.bootId + '/' + n, principal: 'alice', node: 'node-1' }]);
    }
    await log.enqueue({ kind: 'call.outcome', callId: log.bootId + '/0', grpcCode: 0, endCause: 'server' });
    console.log(log.bootId);
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    env: { ...process.env, HOLDER_URL: database.writerUrl },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, bootId: line.toString().trim() };
}

const kindsOf = async (bootId: string): Promise<Record<string, number>> => {
  const rows = await sql<{ kind: string; n: number }>(
    database.adminUrl,
    `SELECT kind, count(*) AS n FROM talosgate.audit_entry
     WHERE call_id LIKE $1 || '/%' OR details->>'boot' = $1 GROUP BY kind`,
    [bootId],
  );
  return Object.fromEntries(rows.map(row => [row.kind, row.n]));
};

describe('startReaper', () => {
  test('gives a killed process its end and each of its open calls exactly one, with several replicas at it', async () => {
    const { child, bootId } = await startHolder(230);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const settings = { pool, log: quiet, silenceMs: 500, everyMs: 50 };
    const reapers = [log, other, log, other].map(audit => startReaper({ ...settings, audit }));
    await eventually(async () => (await soundness(database.adminUrl)).open === 0);
    await Promise.all(reapers.map(reaper => reaper.close()));
    expect(await kindsOf(bootId)).toEqual({
      'call.intent': 230,
      'call.outcome': 1,
      'call.unknown': 229,
      'boot.lost': 1,
    });
    const [unknown] = await sql<object>(
      database.adminUrl,
      `SELECT principal, node, reason FROM talosgate.audit_entry WHERE call_id = $1 AND kind = 'call.unknown'`,
      [`${bootId}/229`],
    );
    expect(unknown).toEqual({ principal: 'alice', node: 'node-1', reason: 'gateway-lost' });
  });

  test('leaves a process alone that is alive, or silent with its lock held', async () => {
    const { child, bootId } = await startHolder(2);
    const settings = { pool, audit: log, log: quiet, silenceMs: 300 };
    await new Promise(resolve => setTimeout(resolve, 500));
    await reapOnce(settings);
    child.kill('SIGSTOP');
    await new Promise(resolve => setTimeout(resolve, 700));
    await reapOnce(settings);
    expect(await kindsOf(bootId)).toEqual({ 'call.intent': 2, 'call.outcome': 1 });
    child.kill('SIGKILL');
    await once(child, 'exit');
    await eventually(async () => {
      await reapOnce(settings);
      return (await kindsOf(bootId))['call.unknown'] === 1;
    });
  });

  test('ends the calls that a closed process left open', async () => {
    const closing = await openTestLog(database.writerUrl, { beatMs: 100 });
    const call = intent(`${closing.bootId}/0`);
    await closing.append([call]);
    const { bootId } = closing;
    await closing.close();
    await eventually(async () => {
      await reapOnce({ pool, audit: log, log: quiet, silenceMs: 300 });
      return (await kindsOf(bootId))['call.unknown'] === 1;
    });
    expect(await kindsOf(bootId)).toEqual({ 'call.intent': 1, 'call.unknown': 1 });
  });

  test('does nothing before its own process has been connected for as long as the silence', async () => {
    const { child, bootId } = await startHolder(1);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await new Promise(resolve => setTimeout(resolve, 400));
    const fresh = await openTestLog(database.writerUrl, { beatMs: 100 });
    await reapOnce({ pool, audit: fresh, log: quiet, silenceMs: 300 });
    expect((await kindsOf(bootId))['boot.lost']).toBeUndefined();
    await eventually(async () => {
      await reapOnce({ pool, audit: fresh, log: quiet, silenceMs: 300 });
      return (await kindsOf(bootId))['boot.lost'] === 1;
    });
    await fresh.close();
  });
});

describe('a log that was declared lost while it was silent', () => {
  // It learns of that from its next sign of life, or, when an intent comes first, from the database's refusal.
  test.each([100, 60_000])('brings its outcomes and goes on under a new boot (beat every %i ms)', async beatMs => {
    const proxy = await startTcpProxy(database.writerUrl);
    const paused = await openTestLog(proxy.url, { beatMs });
    const former = paused.bootId;
    const call = intent(`${former}/0`);
    await paused.append([call]);
    // What a long pause does to its connections.
    proxy.blackHole();
    await sql(
      database.adminUrl,
      `SELECT pg_terminate_backend(pid) FROM pg_locks
       WHERE locktype = 'advisory' AND (classid::bigint << 32 | objid::bigint) = talosgate.audit_boot_lock($1)`,
      [former],
    );
    await sql(
      database.adminUrl,
      `UPDATE talosgate.audit_beat SET beat_at = beat_at - interval '1 hour' WHERE boot_id = $1`,
      [former],
    );
    await eventually(async () => {
      await reapOnce({ pool, audit: log, log: quiet, silenceMs: 300 });
      return (await kindsOf(former))['boot.lost'] === 1;
    });
    expect(await kindsOf(former)).toEqual({ 'call.intent': 1, 'call.unknown': 1, 'boot.lost': 1 });

    proxy.heal();
    await paused.enqueue(outcome(call.callId ?? ''));
    const next = intent();
    await eventually(() =>
      paused.append([next]).then(
        () => true,
        () => false,
      ),
    );
    expect(paused.bootId).not.toBe(former);
    const rows = await sql<{ late: boolean }>(
      database.adminUrl,
      `SELECT late FROM talosgate.audit_entry WHERE call_id = $1 AND kind = 'call.outcome'`,
      [call.callId],
    );
    expect(rows).toEqual([{ late: true }]);
    await paused.enqueue(outcome(next.callId ?? ''));
    await paused.close();
    await proxy.close();
    expect(await soundness(database.adminUrl)).toMatchObject({ gaps: 0, counterGaps: 0, open: 0 });
  });
});
