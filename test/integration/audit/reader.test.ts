import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuditLog } from '../../../src/audit/log.ts';
import { createAuditReader } from '../../../src/audit/query.ts';
import type { AuditEntry, AuditFilter, AuditReader } from '../../../src/core/audit-entry.ts';
import { createPool, type Pool } from '../../../src/db/pool.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { intent, openTestLog, outcome } from './support.ts';

let database: TestDatabase;
let log: AuditLog;
let pool: Pool;
let reader: AuditReader;
const [first, second, third] = [randomUUID(), randomUUID(), randomUUID()];

beforeAll(async () => {
  database = await createTestDatabase();
  log = await openTestLog(database.writerUrl);
  pool = createPool({ url: database.readerUrl, max: 2 });
  reader = createAuditReader(pool, { pollMs: 20 });
  await log.append([intent(first, { peerAddress: '10.0.0.1', approvalId: 'dbg-22222' })]);
  await log.append([intent(second, { principal: 'bob@example.com', cluster: 'prod', node: 'node-2', risk: 'shell' })]);
  await log.append([
    intent(third, {
      kind: 'call.deny',
      decision: 'deny',
      reason: 'no-rule',
      action: 'node.reset',
      resource: 'node/reset',
    }),
  ]);
  await log.enqueue(outcome(first, { grpcCode: 14, endCause: 'upstream-lost' }));
});
afterAll(async () => {
  await pool.close();
  await log.close();
  await database.drop();
});

describe('list', () => {
  test.each<[string, AuditFilter, string[]]>([
    ['who', { principal: 'bob@example.com' }, [second]],
    ['a prefix of who', { principal: 'alice@*' }, [third, first]],
    ['node', { node: 'node-2' }, [second]],
    ['cluster', { cluster: 'prod' }, [second]],
    ['method', { method: '/machine.MachineService/Version', kinds: ['call.intent'] }, [second, first]],
    ['action', { action: 'node.*' }, [third]],
    ['risk', { risk: 'shell' }, [second]],
    ['resource', { resource: 'node/reset' }, [third]],
    ['decision', { decision: 'deny' }, [third]],
    ['reason', { reason: 'no-rule' }, [third]],
    ['outcome', { grpcCode: 14 }, [first]],
    ['end cause', { endCause: 'upstream-lost' }, [first]],
    ['approval', { approvalId: 'dbg-22222' }, [first]],
    ['call', { callId: first }, [first, first]],
    ['peer', { peer: '10.0.0.1' }, [first]],
    ['network', { peer: '10.0.0.0/30' }, [first]],
    ['another network', { peer: '10.0.0.4/30' }, []],
    ['kind', { kinds: ['call.deny', 'call.outcome'] }, [first, third]],
    ['two things at once', { principal: 'alice@*', decision: 'deny' }, [third]],
    ['a time before everything', { until: 1_000 }, []],
    ['a quotation mark', { principal: `'; DROP TABLE x; --` }, []],
  ])('finds by %s, newest first', async (_, filter, calls) => {
    const entries = await reader.list(filter, { limit: 100 });
    expect(entries.map(entry => entry.record.callId)).toEqual(calls);
  });

  test('finds by time of the gateway', async () => {
    const all = await reader.list({}, { limit: 100 });
    const middle = all[2]?.time ?? 0;
    const since = await reader.list({ since: middle }, { limit: 100 });
    const until = await reader.list({ until: middle }, { limit: 100 });
    expect(since.length + until.length).toBe(all.length);
    expect(since.every(entry => entry.time >= middle)).toBe(true);
  });

  test('pages backwards and forwards by index without gap or repeat', async () => {
    const all = (await reader.list({}, { limit: 100 })).map(entry => entry.index);
    const backwards = await pageThrough(before => reader.list({}, { limit: 2, before }));
    expect(backwards).toEqual(all);
    const forwards = await pageThrough(after => reader.list({}, { limit: 2, after: after ?? '-1' }));
    expect(forwards).toEqual(all.toReversed());
  });

  test('returns the record as it was handed over, from the canonical body', async () => {
    const [entry] = await reader.list({ callId: second }, { limit: 1 });
    expect(entry?.record).toEqual(
      intent(second, { principal: 'bob@example.com', cluster: 'prod', node: 'node-2', risk: 'shell' }),
    );
    expect(entry).toMatchObject({ bootId: log.bootId, late: false });
  });

  test('refuses an index that is none', async () => {
    await expect(reader.list({}, { limit: 1, before: '1;' })).rejects.toMatchObject({ code: 'bad-request' });
  });
});

describe('call', () => {
  test('gives all entries of one call in order', async () => {
    const entries = await reader.call(first);
    expect(entries.map(entry => entry.record.kind)).toEqual(['call.intent', 'call.outcome']);
  });
});

describe('follow', () => {
  test('gives what was there after the index, then what is committed, and ends with the signal', async () => {
    const stop = new AbortController();
    const seen: AuditEntry[] = [];
    const done = (async () => {
      for await (const entry of reader.follow('-1', { principal: 'dave' }, stop.signal)) {
        seen.push(entry);
        if (seen.length === 3) stop.abort();
      }
    })();
    for (let n = 0; n < 3; n += 1) {
      await log.append([intent(randomUUID(), { principal: 'dave' }), intent(randomUUID(), { principal: 'eve' })]);
    }
    await done;
    const expected = await reader.list({ principal: 'dave' }, { limit: 10, after: '-1' });
    expect(seen.map(entry => entry.index)).toEqual(expected.map(entry => entry.index));
    expect(await reader.last()).toBe(String(Number(seen.at(-1)?.index) + 1));
  });
});

async function pageThrough(read: (cursor: string | undefined) => Promise<readonly AuditEntry[]>): Promise<string[]> {
  const seen: string[] = [];
  for (let page = await read(undefined); page.length > 0; page = await read(seen.at(-1))) {
    seen.push(...page.map(entry => entry.index));
  }
  return seen;
}
