// Searching a log whose older records stand in search lists and whose newest do not, against plain SQL over all of it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuditReader } from '../../../src/audit/query.ts';
import { startSearchUpkeep } from '../../../src/audit/search-upkeep.ts';
import { segmentWidth } from '../../../src/audit/terms.ts';
import type { AuditFilter, AuditReader } from '../../../src/core/audit-entry.ts';
import { createPool, type Pool } from '../../../src/db/pool.ts';
import { generateLog } from '../../bench/search/generate.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually, sql } from './support.ts';

/** Two segments, and some that have no lists yet. */
const records = 2 * segmentWidth + 2_000;

let database: TestDatabase;
let writer: Pool;
let pool: Pool;
let reader: AuditReader;
let middle: { ts: number; call: string; approval: string };
beforeAll(async () => {
  database = await createTestDatabase();
  await generateLog(database.adminUrl, records, () => undefined);
  writer = createPool({ url: database.writerUrl, max: 1 });
  const upkeep = startSearchUpkeep({ pool: writer, log: { warn: () => undefined }, everyMs: 50 });
  await eventually(async () => {
    const [row] = await sql<{ n: number }>(database.adminUrl, 'SELECT count(*) AS n FROM talosgate.audit_segment');
    return row?.n === 2;
  }, 60_000);
  await upkeep.close();
  pool = createPool({ url: database.readerUrl, max: 2 });
  reader = createAuditReader(pool, { pollMs: 20 });
  const [row] = await sql<{ ts: Date; call: string; approval: string }>(
    database.adminUrl,
    `SELECT gw_ts AS ts, call_id AS call, approval_id AS approval FROM talosgate.audit_entry
     WHERE approval_id IS NOT NULL AND idx > 20000 ORDER BY idx LIMIT 1`,
  );
  if (row === undefined) throw new Error('no approval in the generated log');
  middle = { ...row, ts: row.ts.getTime() };
}, 120_000);
afterAll(async () => {
  await pool.close();
  await writer.close();
  await database.drop();
});

/** Filters with the SQL that says the same in another way. */
const cases: [string, () => AuditFilter, string][] = [
  ['nothing', () => ({}), 'true'],
  ['who', () => ({ principal: 'person-100@example.com' }), `principal = 'person-100@example.com'`],
  ['a prefix of who', () => ({ principal: 'machine:*' }), `principal LIKE 'machine:%'`],
  ['group', () => ({ group: 'operators' }), `groups ? 'operators'`],
  ['a prefix of group', () => ({ group: 'team-1*' }), `groups::text LIKE '%"team-1%'`],
  ['node', () => ({ node: 'node-007' }), `node = 'node-007'`],
  ['cluster', () => ({ cluster: 'lab' }), `cluster = 'lab'`],
  ['method', () => ({ method: '/machine.MachineService/*' }), `method LIKE '/machine.MachineService/%'`],
  ['action', () => ({ action: 'config.apply' }), `action = 'config.apply'`],
  ['risk', () => ({ risk: 'credential' }), `risk = 'credential'`],
  ['resource', () => ({ resource: 'config.apply/thing-1*' }), `resource LIKE 'config.apply/thing-1%'`],
  ['decision', () => ({ decision: 'deny' }), `decision = 'deny'`],
  ['reason', () => ({ reason: 'no-rule' }), `reason = 'no-rule'`],
  ['rule', () => ({ rule: 'policies/policy.csv:7' }), `rule = 'policies/policy.csv:7'`],
  ['code', () => ({ grpcCode: 14 }), `grpc_code = 14`],
  ['end cause', () => ({ endCause: 'deadline' }), `end_cause = 'deadline'`],
  ['kinds', () => ({ kinds: ['call.deny', 'call.intent'] }), `kind IN ('call.deny', 'call.intent')`],
  ['a network', () => ({ peer: '10.1.0.0/16' }), `peer_address::inet <<= '10.1.0.0/16'`],
  ['an address', () => ({ peer: '10.2.3.122' }), `peer_address = '10.2.3.122'`],
  ['since', () => ({ since: middle.ts }), `gw_ts >= to_timestamp($1 / 1000.0)`],
  ['until', () => ({ until: middle.ts }), `gw_ts < to_timestamp($1 / 1000.0)`],
  [
    'an hour',
    () => ({ since: middle.ts - 3.6e6, until: middle.ts }),
    `gw_ts < to_timestamp($1 / 1000.0) AND gw_ts >= to_timestamp($1 / 1000.0 - 3600)`,
  ],
  ['call', () => ({ callId: middle.call }), `call_id = $2`],
  ['approval', () => ({ approvalId: middle.approval }), `approval_id = $3`],
  [
    'approval and kind',
    () => ({ approvalId: middle.approval, kinds: ['call.outcome'] }),
    `approval_id = $3 AND kind = 'call.outcome'`,
  ],
  [
    'many things at once',
    () => ({
      principal: 'person-*',
      cluster: 'prod',
      risk: 'read',
      kinds: ['call.intent'],
      peer: '10.0.0.0/8',
      since: middle.ts,
    }),
    `principal LIKE 'person-%' AND cluster = 'prod' AND risk = 'read' AND kind = 'call.intent' AND gw_ts >= to_timestamp($1 / 1000.0)`,
  ],
  ['what never occurs together', () => ({ decision: 'deny', grpcCode: 0 }), 'false'],
  ['what never occurs', () => ({ node: 'node-none' }), 'false'],
];

describe('a search', () => {
  test.each(cases)('by %s finds what SQL finds, both ways and in pages', async (_, filter, condition) => {
    const expected = await sql<{ idx: string }>(
      database.adminUrl,
      `SELECT idx::text AS idx FROM talosgate.audit_entry
       WHERE ($1::float8, $2::text, $3::text) IS NOT NULL AND ${condition} ORDER BY talosgate.audit_entry.idx`,
      [middle.ts, middle.call, middle.approval],
    );
    const all = expected.map(row => row.idx);
    const newest = await reader.list(filter(), { limit: 70 });
    expect(newest.map(entry => entry.index)).toEqual(all.toReversed().slice(0, 70));
    const oldest = await reader.list(filter(), { limit: 70, after: '-1' });
    expect(oldest.map(entry => entry.index)).toEqual(all.slice(0, 70));
    // From the middle on, across the end of the lists.
    const from = String(2 * segmentWidth - 5);
    const onwards = await reader.list(filter(), { limit: 1000, after: from });
    expect(onwards.map(entry => entry.index)).toEqual(all.filter(index => Number(index) > Number(from)).slice(0, 1000));
    const before = await reader.list(filter(), { limit: 30, before: from });
    expect(before.map(entry => entry.index)).toEqual(
      all
        .filter(index => Number(index) < Number(from))
        .toReversed()
        .slice(0, 30),
    );
  });

  test('goes on from page to page through all of the log', async () => {
    const seen: string[] = [];
    for (let after = '-1'; ; ) {
      const page = await reader.list({ cluster: 'lab', kinds: ['call.deny'] }, { limit: 200, after });
      seen.push(...page.map(entry => entry.index));
      if (page.length < 200) break;
      after = seen.at(-1) ?? after;
    }
    const [row] = await sql<{ n: number }>(
      database.adminUrl,
      `SELECT count(*) AS n FROM talosgate.audit_entry WHERE cluster = 'lab' AND kind = 'call.deny'`,
    );
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBe(row?.n);
  });

  test.each(['10.0.0.0/33', '10.0.0', 'fe80::/129', 'somewhere', '10.0.0.1/8/8'])(
    'refuses %s as a peer',
    async peer => {
      await expect(reader.list({ peer }, { limit: 1 })).rejects.toMatchObject({ code: 'bad-request' });
    },
  );
});

describe('following', () => {
  test('gives every match once, from the lists and beyond', async () => {
    const stop = new AbortController();
    const [row] = await sql<{ n: number }>(
      database.adminUrl,
      `SELECT count(*) AS n FROM talosgate.audit_entry WHERE decision = 'deny'`,
    );
    const seen: string[] = [];
    for await (const entry of reader.follow('-1', { decision: 'deny' }, stop.signal)) {
      seen.push(entry.index);
      if (seen.length === row?.n) stop.abort();
    }
    expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => Number(a) - Number(b)));
  });
});

describe('counts', () => {
  test.each<[string, () => [number, number]]>([
    ['all of the time', () => [0, Date.UTC(2100, 0)]],
    ['a time that begins within a segment', () => [middle.ts, Date.UTC(2100, 0)]],
    ['a time that ends within a segment', () => [0, middle.ts]],
    ['no time at all', () => [middle.ts, middle.ts]],
  ])('over %s are those of SQL', async (_, time) => {
    const [since, until] = time();
    const stats = await reader.stats(since, until, 1_000);
    const began = `kind IN ('call.intent', 'call.deny') AND gw_ts >= to_timestamp($1 / 1000.0) AND gw_ts < to_timestamp($2 / 1000.0)`;
    for (const [name, column] of [
      ['who', 'principal'],
      ['action', 'action'],
      ['decision', 'decision'],
      ['node', 'node'],
    ] as const) {
      const rows = await sql<{ value: string; count: number }>(
        database.adminUrl,
        `SELECT ${column} AS value, count(*)::integer AS count FROM talosgate.audit_entry WHERE ${began} GROUP BY ${column}
         ORDER BY count(*) DESC, ${column} COLLATE "C"`,
        [since, until],
      );
      expect(stats[name]).toEqual(rows);
    }
    const outcomes = await sql<{ value: string; count: number }>(
      database.adminUrl,
      `SELECT grpc_code::text AS value, count(*)::integer AS count FROM talosgate.audit_entry WHERE kind = 'call.outcome'
         AND gw_ts >= to_timestamp($1 / 1000.0) AND gw_ts < to_timestamp($2 / 1000.0) GROUP BY 1 ORDER BY 2 DESC, 1`,
      [since, until],
    );
    expect(stats.outcome).toEqual(outcomes);
    expect(stats.calls).toBe(stats.decision.reduce((sum, { count }) => sum + count, 0));
  });
});
