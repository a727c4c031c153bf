// Exports through the JSON API and the command line, on a whole gateway.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { downloadApi } from '../../../src/cli/client.ts';
import { openSession } from '../../../src/db/connection.ts';
import type { AuditWatch } from '../../support/audit-watch.ts';
import { cp, version, worker } from '../../support/calls.ts';
import { cli } from '../../support/cli.ts';
import { ask } from '../../support/https.ts';
import { leafOf } from '../../support/lines.ts';
import { type Stack, startStack } from '../../support/stack.ts';
import { until } from '../../support/until.ts';

let stack: Stack;
let watch: AuditWatch;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'talosgate-export-'));
  stack = await startStack();
  watch = await stack.watch();
  await version(stack.as('alice'), { nodes: [cp, worker] });
  await until(async () => (await watch.records()).filter(({ kind }) => kind === 'call.outcome').length === 2);
});
afterAll(async () => {
  await stack.close();
  await rm(folder, { recursive: true, force: true });
});

/** The command line as carol, who audits. */
function carol(...words: string[]) {
  const { server, ca = '', certificate = '', key = '' } = stack.api('carol');
  const options = ['--server', server, '--ca', ca, '--certificate', certificate, '--key', key];
  return cli(['audit', 'export', ...words, ...options]);
}

async function exported(state: string) {
  const found = async () => (await watch.records()).filter(record => record.details?.['state'] === state);
  await until(
    async () => (await found()).length > 0,
    async () => JSON.stringify(await watch.records()),
  );
  return (await found()).at(-1);
}

describe('audit export', () => {
  test('gives the whole range in order, every body as it was hashed, and is itself recorded', async () => {
    await watch.moveOn();
    const out = join(folder, 'all.jsonl');
    const result = await carol('--format', 'jsonl', '--out', out);
    expect({ code: result.code, error: result.error }).toEqual({ code: 0, error: '' });
    const lines = (await readFile(out, 'utf8')).trimEnd().split('\n');
    const parsed = lines.map(line => JSON.parse(line) as { idx: number; leaf: string; body: { kind: string } });
    expect(parsed.map(({ idx }) => idx)).toEqual(lines.map((_, i) => i));
    expect(lines.map(line => leafOf(line.slice(line.indexOf('"body":') + 7, -1)))).toEqual(
      parsed.map(({ leaf }) => leaf),
    );
    expect(parsed.filter(({ body }) => body.kind === 'call.outcome')).toHaveLength(2);
    const range = { format: 'jsonl', from: '0', to: String(lines.length - 1) };
    expect(await exported('begun')).toMatchObject({
      kind: 'audit.exported',
      principal: 'carol@example.com',
      details: range,
    });
    expect(await exported('complete')).toMatchObject({ details: { ...range, records: String(lines.length) } });
  });

  test.each([
    ['csv', ['--kind', 'call.intent'], 3],
    ['ocsf', ['--node', worker], 2],
    ['syslog', ['--from', '1', '--to', '3'], 3],
    ['cef', ['--since', '2000-01-01T00:00:00Z', '--until', '2000-01-02T00:00:00Z'], 0],
  ])('%s with filters %j has only what was asked for', async (format, filters, count) => {
    const out = join(folder, `some.${format}`);
    expect((await carol('--format', format, '--out', out, ...filters)).code).toBe(0);
    expect((await readFile(out, 'utf8')).split('\n').length - 1).toBe(count);
  });

  test('names the way to a bundle', async () => {
    const { code, error } = await carol('--format', 'bundle', '--out', join(folder, 'never'));
    expect([code, error]).toEqual([1, expect.stringContaining('talosgate audit bundle FOLDER')]);
  });

  test('needs audit.export, which audit.read does not bring', async () => {
    await stack.addPolicy('p, user:alice@example.com, *, *, audit.read, **, allow');
    expect((await ask(stack.api('alice'), '/api/v1/audit?limit=1')).status).toBe(200);
    const refused = await ask(stack.api('alice'), '/api/v1/audit/export?format=jsonl');
    await stack.resetPolicy();
    expect(refused.status).toBe(403);
  });

  test('refuses an existing file, an unknown format and a mistake in a filter', async () => {
    const out = join(folder, 'none');
    expect((await carol('--format', 'xml', '--out', out)).error).toContain('unknown format xml');
    expect((await carol('--format', 'csv', '--out', folder)).error).toContain('exists already');
    expect((await carol('--format', 'csv', '--out', out, '--since', 'yesterday')).error).toContain('is no time');
    expect(await readdir(folder)).not.toContain('none');
  });

  test('readers who leave before the first byte take no place of those who come after', async () => {
    const { server, ca = '', certificate = '', key = '' } = stack.api('carol');
    const [authority, cert, own] = await Promise.all([ca, certificate, key].map(path => readFile(path)));
    const url = `${server}/api/v1/audit/export?format=jsonl`;
    for (let ms = 0; ms < 40; ms += 1) {
      const leaving = get(url, { ca: authority, cert, key: own, agent: false });
      const closed = new Promise(resolve => leaving.once('close', resolve));
      leaving.on('error', () => undefined);
      leaving.once('socket', socket => {
        socket.once('secureConnect', () => setTimeout(() => leaving.destroy(), ms / 2));
      });
      await closed;
    }
    await until(async () => (await ask(stack.api('carol'), '/api/v1/audit/export?format=jsonl')).status === 200);
  });

  test('a reader who leaves is recorded with what was sent', async () => {
    await fill(30_000);
    await watch.moveOn();
    const answer = await downloadApi(stack.api('carol'), '/api/v1/audit/export?format=jsonl');
    answer.once('data', () => answer.destroy());
    answer.on('error', () => undefined);
    const details = (await exported('broken-off'))?.details ?? {};
    expect(Number(details['records'])).toBeLessThan(30_000);
    expect(Number(details['to'])).toBeGreaterThan(30_000);
  });
});

/** Adds records behind the gateway's back: copies of the last one, under the next indexes. */
async function fill(count: number): Promise<void> {
  const session = await openSession({ url: stack.database.adminUrl });
  try {
    await session.query(
      `WITH head AS (UPDATE talosgate.audit_head SET size = size + ${count} RETURNING size - ${count} AS first)
       INSERT INTO talosgate.audit_entry (idx, kind, boot_id, wseq, gw_ts, mono_us, schema_version, late, leaf, body)
       SELECT head.first + n, kind, boot_id, wseq, gw_ts, mono_us, schema_version, late, leaf, body
       FROM head, generate_series(0, ${count - 1}) AS n,
         LATERAL (SELECT * FROM talosgate.audit_entry ORDER BY idx LIMIT 1) AS model`,
    );
  } finally {
    await session.close();
  }
}
