import { randomInt, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AuditLog } from '../../../src/audit/log.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually, intent, openTestLog, outcome, soundness, sql } from './support.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

let database: TestDatabase;
let proxy: TcpProxy;
let log: AuditLog;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  proxy = await startTcpProxy(database.writerUrl);
  log = await openTestLog(proxy.url, { appendMs: 400, drainMs: 5_000 });
});
afterEach(async () => {
  await log.close();
  await proxy.close();
});

const kindsOf = async (callId: string): Promise<string[]> => {
  const rows = await sql<{ kind: string }>(
    database.adminUrl,
    'SELECT kind FROM talosgate.audit_entry WHERE call_id = $1 ORDER BY idx',
    [callId],
  );
  return rows.map(row => row.kind);
};

/** Kinds of the records of each call in log order, joined; '' where there are none. */
const storiesOf = async (calls: readonly string[]): Promise<Set<string>> => {
  const rows = await sql<{ story: string | null }>(
    database.adminUrl,
    `SELECT (SELECT string_agg(kind, ' ' ORDER BY idx) FROM talosgate.audit_entry WHERE call_id = asked.call_id) AS story
     FROM unnest($1::text[]) AS asked (call_id)`,
    [calls],
  );
  return new Set(rows.map(row => row.story ?? ''));
};

describe('append over a network that fails', () => {
  test('has each record exactly once when answers are cut at any byte', async () => {
    const acknowledged: string[] = [];
    const refused: string[] = [];
    for (let round = 0; round < 24; round += 1) {
      // An answer has about 60 to 70 bytes once statements are prepared, about 600 with the login before it.
      proxy.cutAfter(round % 3 === 0 ? randomInt(0, 700) : randomInt(0, 140));
      const calls = Array.from({ length: 10 }, () => randomUUID());
      await Promise.all(
        calls.map(async callId => {
          await log.append([intent(callId)]).then(
            () => acknowledged.push(callId),
            () => refused.push(callId),
          );
          if (acknowledged.includes(callId)) await log.enqueue(outcome(callId));
        }),
      );
    }
    await eventually(() => log.health().queued === 0);
    expect(await storiesOf(acknowledged)).toEqual(new Set(['call.intent call.outcome']));
    for (const story of await storiesOf(refused)) expect(['', 'call.intent call.outcome']).toContain(story);
    expect(acknowledged.length).toBeGreaterThan(200);
    expect(await soundness(database.adminUrl)).toMatchObject({ gaps: 0, counterGaps: 0, badLeaves: 0, open: 0 });
  });

  test('refuses within the budget, then at once, and takes records again after the network is back', async () => {
    proxy.blackHole();
    const first = performance.now();
    await expect(log.append([intent()])).rejects.toMatchObject({ code: 'audit-unavailable' });
    expect(performance.now() - first).toBeLessThan(3_500);
    await eventually(() => !log.health().ok);
    const second = performance.now();
    await expect(log.append([intent()])).rejects.toMatchObject({ code: 'audit-unavailable' });
    expect(performance.now() - second).toBeLessThan(50);
    proxy.heal();
    await eventually(() => log.health().ok);
    await log.append([intent('after-heal')]);
    await log.enqueue(outcome('after-heal'));
    expect(await kindsOf('after-heal')).toEqual(['call.intent', 'call.outcome']);
  });

  test('keeps outcomes in memory during an outage and writes them before new intents', async () => {
    const callId = randomUUID();
    await log.append([intent(callId)]);
    proxy.blackHole();
    const written = log.enqueue(outcome(callId));
    await eventually(() => !log.health().ok);
    expect(log.health().queued).toBe(1);
    proxy.heal();
    await written;
    const next = intent();
    await log.append([next]);
    const rows = await sql<{ call_id: string }>(
      database.adminUrl,
      `SELECT call_id FROM talosgate.audit_entry WHERE call_id IN ($1, $2) ORDER BY idx`,
      [callId, next.callId],
    );
    expect(rows.map(row => row.call_id)).toEqual([callId, callId, next.callId]);
    await log.enqueue(outcome(next.callId ?? ''));
  });

  test('ends an intent that landed after its caller was refused as not forwarded', async () => {
    const callId = randomUUID();
    // The server takes the batch and commits; only its answer never arrives.
    proxy.deafen();
    const refusal = log.append([intent(callId)], { deadline: Date.now() + 300 });
    await expect(refusal).rejects.toMatchObject({ code: 'audit-unavailable' });
    expect(await kindsOf(callId)).toEqual(['call.intent']);
    proxy.heal();
    await eventually(async () => (await kindsOf(callId)).length === 2);
    const [row] = await sql<{ end_cause: string }>(
      database.adminUrl,
      `SELECT end_cause FROM talosgate.audit_entry WHERE call_id = $1 AND kind = 'call.outcome'`,
      [callId],
    );
    expect(row?.end_cause).toBe('not-forwarded');
  });

  test('leaves no trace of an intent that was given up before it was sent', async () => {
    const callId = randomUUID();
    proxy.blackHole();
    const aborted = new AbortController();
    const blocked = log.append([intent()]);
    const waiting = log.append([intent(callId)], { signal: aborted.signal });
    aborted.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
    await expect(blocked).rejects.toMatchObject({ code: 'audit-unavailable' });
    proxy.heal();
    await eventually(() => log.health().ok && log.health().queued === 0);
    expect(await kindsOf(callId)).toEqual([]);
  });

  test('refuses with overloaded when its queue is full', async () => {
    const small = await openTestLog(proxy.url, { limits: { queueRecords: 4 }, appendMs: 400, drainMs: 0 });
    proxy.blackHole();
    const results = await Promise.allSettled(Array.from({ length: 9 }, () => small.append([intent()])));
    const codes = results.map(result =>
      result.status === 'rejected' ? (result.reason as { code: string }).code : 'ok',
    );
    expect(codes.filter(code => code === 'overloaded').length).toBeGreaterThanOrEqual(4);
    proxy.heal();
    await small.close();
  });
});
