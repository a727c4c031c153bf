// Holds and prunes, from the command line to the partition that is gone.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSession, type Session } from '../../../src/db/connection.ts';
import type { AuditWatch } from '../../support/audit-watch.ts';
import { type CliResult, cli } from '../../support/cli.ts';
import { vote } from '../../support/http.ts';
import { makeSmallPartitions } from '../../support/small-partitions.ts';
import { type Person, type Stack, startStack } from '../../support/stack.ts';

/** Far narrower than the log may have them, so that a test can fill one. */
const width = 1_024;
let stack: Stack;
let watch: AuditWatch;
let folder: string;
let admin: Session;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'talosgate-retention-'));
  stack = await startStack({
    config: raw => {
      Object.assign(raw['audit'] as object, { retention: '1ms' });
    },
    policy: ['hold', 'prune', 'export']
      .map(verb => `p, user:bob@example.com, *, *, audit.${verb}, **, allow`)
      .concat(
        'p, user:bob@example.com, *, *, area:audit, **, allow',
        'p, user:bob@example.com, *, *, approvals.read, **, allow',
      ),
  });
  await writeFile(
    join(stack.directory, 'policies/approvals.yaml'),
    '- {action: audit.prune, reason: {pattern: "old.*", expected: how old they are}}\n',
  );
  await stack.addPolicy('# with the terms of prunes');
  watch = await stack.watch();
  admin = await openSession({ url: stack.database.adminUrl, queryTimeoutMs: 60_000 });
  await makeSmallPartitions(admin, width, 2);
  await fill(width);
  await writeFile(join(folder, 'retention.url'), stack.database.retentionUrl);
});
afterAll(async () => {
  await admin.close();
  await stack.close();
  await rm(folder, { recursive: true, force: true });
});

function as(who: Person, ...words: string[]): Promise<CliResult> {
  const { server, ca = '', certificate = '', key = '' } = stack.api(who);
  return cli(['audit', ...words, '--server', server, '--ca', ca, '--certificate', certificate, '--key', key]);
}

const run = (id: string, name: string) =>
  as('bob', 'prune', 'run', id, '--out', join(folder, name), '--retention-url-file', join(folder, 'retention.url'));

test('old records go with a copy, a record and the agreement of somebody else, and with nothing less', async () => {
  const retention = await openSession({ url: stack.database.retentionUrl });
  const none = await as('bob', 'prune', 'request', '--before', '100', '-m', 'too little');
  expect(none.error).toContain('no whole partition lies before that');
  expect((await as('alice', 'prune', 'request', '--before', String(width), '-m', 'x')).error).toContain(
    'may not audit.prune',
  );

  // A hold stands in the way until it is removed.
  expect((await as('bob', 'hold', 'add', 'case-7', '--from', '100', '-m', 'court order')).code).toBe(0);
  expect((await as('bob', 'hold', 'list')).out).toMatch(/case-7 +100 +bob@example\.com/);
  const held = await as('bob', 'prune', 'request', '--before', String(width), '-m', 'old');
  expect(held.error).toContain('legal hold case-7 keeps everything from record 100');
  expect((await as('bob', 'hold', 'remove', 'case-7', '-m', 'settled')).code).toBe(0);

  const vague = await as('bob', 'prune', 'request', '--before', String(width), '-m', 'because');
  expect(vague.error).toContain('the reason must hold how old they are');
  const asked = await as('bob', 'prune', 'request', '--before', String(width), '-m', 'older than 400 days');
  const id = /^(\S+) is pending: records 0 to 1023$/m.exec(asked.out)?.[1] ?? '';
  expect((await run(id, 'early.jsonl')).error).toContain('not approved');
  expect(await vote(stack.api('bob'), id)).not.toBe('approved');
  expect(await vote(stack.api('carol'), id)).toBe('approved');
  await expect(retention.query('SELECT talosgate.audit_prune_approved($1)', [id])).rejects.toMatchObject({
    sqlState: 'TG030',
  });

  // A hold that comes after the approval counts too.
  expect((await as('bob', 'hold', 'add', 'case-8', '-m', 'just in time')).code).toBe(0);
  expect((await run(id, 'held.jsonl')).error).toContain('case-8');
  expect((await as('bob', 'hold', 'remove', 'case-8', '-m', 'settled')).code).toBe(0);

  const done = await run(id, 'copy.jsonl');
  expect({ error: done.error, code: done.code }).toEqual({ error: '', code: 0 });
  const copy = await readFile(join(folder, 'copy.jsonl'));
  const record = (await watch.records()).find(({ kind }) => kind === 'audit.prune');
  expect(record).toMatchObject({
    principal: 'bob@example.com',
    approvalId: id,
    details: {
      former: '0',
      minimum: String(width),
      records: String(width),
      bundle: createHash('sha256').update(copy).digest('hex'),
      approvers: ['carol@example.com'],
    },
  });
  const [left] = await admin.query<{ first: number; parts: number }>(
    `SELECT (SELECT min(idx) FROM talosgate.audit_entry) AS first,
       (SELECT count(*)::integer FROM pg_class WHERE relname = 'audit_entry_small_0') AS parts`,
  );
  expect(left).toEqual({ first: width, parts: 0 });
  // Calls go on, and the approval cannot be used again.
  expect((await as('bob', 'list', '--limit', '1')).code).toBe(0);
  expect((await run(id, 'again.jsonl')).error).toContain('not approved');
  await retention.close();
});

test('what is older than it is meant to be is told, and stays', async () => {
  const told = await as('bob', 'retention');
  expect(told.code).toBe(0);
  expect(told.out).toMatch(
    /^records 1024 to \d+, the first of 20.*\n\d+ records are older than 0 d .*\nnothing can be taken out: .*\n[2-9] partitions lie ahead\n$/,
  );
  await fill(2 * width);
  const more = await as('bob', 'retention', '-o', 'json');
  const status = JSON.parse(more.out) as { size: number; over: number };
  expect(status).toMatchObject({ first: width, minimum: 2 * width, limitDays: expect.closeTo(0) as number });
  expect(status.over).toBeGreaterThan(width);
  expect(status.size).toBeGreaterThanOrEqual(width + status.over);
  const ask = await as('bob', 'retention');
  expect(ask.out).toContain(`talosgate audit prune request --before ${2 * width} -m`);
});

test('the login that takes records out can do that and nothing else, and the gateway cannot', async () => {
  const retention = await openSession({ url: stack.database.retentionUrl });
  const writer = await openSession({ url: stack.database.writerUrl });
  for (const text of [
    'SELECT FROM talosgate.audit_entry',
    'SELECT FROM talosgate.audit_log',
    'DROP TABLE talosgate.audit_entry_small_1',
    'ALTER TABLE talosgate.audit_entry DETACH PARTITION talosgate.audit_entry_small_1',
    'SELECT talosgate.audit_prune(0)',
    "SELECT talosgate.audit_hold_remove('case-7', 'me')",
  ]) {
    await expect(retention.query(text), text).rejects.toMatchObject({ sqlState: '42501' });
  }
  await expect(writer.query("SELECT talosgate.audit_prune_approved('dbg-22222')")).rejects.toMatchObject({
    sqlState: '42501',
  });
  await expect(writer.query('SELECT talosgate.audit_prune(0)')).rejects.toMatchObject({ sqlState: '42501' });
  await retention.close();
  await writer.close();
});

/** Adds copies of the first record until the log has more than this. */
async function fill(size: number): Promise<void> {
  await admin.query(
    `WITH head AS (UPDATE talosgate.audit_head AS h SET size = ${size + 100} FROM talosgate.audit_head AS was RETURNING was.size AS first)
     INSERT INTO talosgate.audit_entry (idx, kind, boot_id, wseq, gw_ts, mono_us, schema_version, late, leaf, body)
     SELECT n, kind, boot_id, wseq, gw_ts, mono_us, schema_version, late, leaf, body
     FROM head, LATERAL generate_series(head.first, ${size + 99}) AS n,
       LATERAL (SELECT * FROM talosgate.audit_entry ORDER BY idx LIMIT 1) AS model`,
  );
}
