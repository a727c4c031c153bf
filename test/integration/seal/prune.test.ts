// What is left of a sealed log after its beginning was taken out: it verifies, proves and goes on being sealed.
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AuditLog } from '../../../src/audit/log.ts';
import { writeBundleFolder } from '../../../src/cli/audit-bundle.ts';
import { callApi } from '../../../src/cli/client.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { openSession, type Session } from '../../../src/db/connection.ts';
import { type Sealing, startSealing } from '../../../src/seal/sealing.ts';
import { openPostgresSource } from '../../../src/seal/verify/postgres-source.ts';
import { verifyLog } from '../../../src/seal/verify/verify-log.ts';
import { createSigner, generateKey } from '../../../src/tlog/note.ts';
import { policyOf } from '../../../src/tlog/policy.ts';
import { startWitness, type WitnessServer } from '../../../src/witness/server.ts';
import { type CliResult, cli } from '../../support/cli.ts';
import { vote } from '../../support/http.ts';
import { judgeProof } from '../../support/independent-verifier.ts';
import { makeSmallPartitions } from '../../support/small-partitions.ts';
import { type Stack, startStack } from '../../support/stack.ts';
import { eventually, openTestLog, sql } from '../audit/support.ts';
import { origin, sealed, writeCalls } from './support.ts';

const width = 512;
const key = generateKey();
const signer = createSigner(origin, key, 'note');
const cosigner = createSigner('witness.example/w1', generateKey(), 'cosignature');
let stack: Stack;
let admin: Session;
let witness: WitnessServer;
let log: AuditLog;
let oldState: string;
const reports: string[] = [];
beforeAll(async () => {
  stack = await startStack({
    policy: ['prune', 'export', 'read']
      .map(verb => `p, user:bob@example.com, *, *, audit.${verb}, **, allow`)
      .concat('p, user:bob@example.com, *, *, approvals.read, **, allow'),
  });
  admin = await openSession({ url: stack.database.adminUrl, queryTimeoutMs: 60_000 });
  await makeSmallPartitions(admin, width, 3);
  witness = await startWitness({
    host: '127.0.0.1',
    port: 0,
    signer: cosigner,
    logs: [signer.verifier],
    stateFile: join(stack.directory, 'witness.json'),
    clock: systemClock,
  });
  log = await openTestLog(stack.database.writerUrl);
  await writeFile(join(stack.directory, 'retention.url'), stack.database.retentionUrl);
  await mkdir(join(stack.directory, 'proofs'));
  oldState = join(stack.directory, 'old-state.json');
}, 60_000);
afterAll(async () => {
  await log.close();
  await witness.close();
  await admin.close();
  await stack.close();
});

const seal = (state: string): Promise<Sealing> =>
  startSealing({
    settings: {
      origin,
      key,
      state,
      witnesses: [{ url: `http://127.0.0.1:${witness.port}`, key: cosigner.verifier.vkey }],
    },
    connection: { url: stack.database.sealerUrl },
    clock: systemClock,
    report: problem => reports.push(problem),
    everyMs: 20,
    witnessEveryMs: 100,
  });

const stateFile = (): string => join(stack.directory, 'state.json');

/** Seals everything there is, has it cosigned, and stops. */
async function sealAll(state = stateFile()): Promise<void> {
  const sealing = await seal(state);
  const size = await sealed(stack, sealing);
  await eventually(() => (sealing.health().witnesses[0]?.size ?? 0) >= size);
  expect(sealing.health()).toMatchObject({ ok: true, fork: undefined });
  await sealing.close();
}

function offline(...words: string[]): Promise<CliResult> {
  return cli(['audit', ...words], { env: { DB: stack.database.readerUrl } });
}
const trust = ['--key', signer.verifier.vkey, '--witness', cosigner.verifier.vkey];
const verify = (): Promise<CliResult> => offline('verify', '--database-url-env', 'DB', ...trust);

function asBob(...words: string[]): Promise<CliResult> {
  const { server, ca = '', certificate = '', key: file = '' } = stack.api('bob');
  return cli(['audit', ...words, '--server', server, '--ca', ca, '--certificate', certificate, '--key', file], {
    env: { DB: stack.database.readerUrl },
  });
}

async function approved(before: number): Promise<string> {
  const asked = await asBob('prune', 'request', '--before', String(before), '-m', 'old');
  expect(asked.error).toBe('');
  const id = /^(\S+) is pending/m.exec(asked.out)?.[1] ?? '';
  expect(await vote(stack.api('carol'), id)).toBe('approved');
  return id;
}

test('nothing goes before it is sealed, and what is left verifies, proves and is sealed as before', async () => {
  await writeCalls(log, 100);
  await sealAll();
  await copyFile(stateFile(), oldState);
  await writeCalls(log, 850);
  const early = await asBob('prune', 'request', '--before', String(width), '-m', 'old');
  expect(early.error).toContain(`records up to ${width - 1} are not sealed yet`);
  await sealAll();

  const id = await approved(width);
  const sealing = await seal(stateFile());
  const done = await asBob(
    ...['prune', 'run', id, '--out', join(stack.directory, 'copy.jsonl')],
    ...['--retention-url-file', join(stack.directory, 'retention.url')],
    ...['--bundle-out', join(stack.directory, 'gone'), '--database-url-env', 'DB'],
  );
  expect({ error: done.error, code: done.code }).toEqual({ error: '', code: 0 });
  await sealing.close();
  await sealAll();

  const [said] = await sql<{ checkpoint: string; root: Buffer; size: number }>(
    stack.database.adminUrl,
    `SELECT details->>'checkpoint' AS checkpoint, c.root, c.size FROM talosgate.audit_entry,
       LATERAL (SELECT * FROM talosgate.audit_checkpoint WHERE size >= ${width} ORDER BY size LIMIT 1) AS c
     WHERE kind = 'audit.prune'`,
  );
  expect(said?.checkpoint).toBe(`${origin} ${said?.size} ${said?.root.toString('base64')}`);

  const after = await verify();
  expect(after.out).toContain(`records below ${width} were pruned`);
  expect([after.code, after.error]).toEqual([0, '']);
  // A replica that slept through it finds its way by the stored hashes.
  await sealAll(oldState);
  expect(reports.filter(text => text.includes('forked'))).toEqual([]);
});

test('a bundle of what is left verifies by itself', async () => {
  const folder = join(stack.directory, 'bundle');
  expect((await offline('bundle', folder, '--database-url-env', 'DB')).code).toBe(0);
  const found = await offline('verify', '--bundle', folder, ...trust);
  expect([found.code, found.out]).toEqual([0, expect.stringContaining(`records below ${width} were pruned`)]);
});

test('what went verifies from its copy, and a part of a log where it is said to begin', async () => {
  const gone = await offline('verify', '--bundle', join(stack.directory, 'gone'), ...trust);
  expect([gone.code, gone.out]).toEqual([0, expect.stringMatching(/^\d+ records, .*good\n$/s)]);
  const rest = join(stack.directory, 'rest');
  const context = { output: { out: () => undefined, error: () => undefined }, env: { DB: stack.database.readerUrl } };
  const part = { from: width + 7, covering: width + 8 };
  await writeBundleFolder(rest, { databaseUrlEnv: 'DB' }, part, { ...context, clock: systemClock });
  expect((await offline('verify', '--bundle', rest, ...trust)).code).toBe(4);
  expect((await offline('verify', '--bundle', rest, ...trust, '--begins-at', String(width))).code).toBe(4);
  const said = await offline('verify', '--bundle', rest, ...trust, '--begins-at', String(width + 7));
  expect([said.code, said.out]).toEqual([0, expect.stringContaining(`records below ${width + 7} were not looked at`)]);
});

test.each([
  ['the first that is left', 'ASC'],
  ['a later one', 'DESC'],
])('a proof of %s is good for two verifiers', async (_, order) => {
  const [row] = await sql<{ idx: number; call: string }>(
    stack.database.adminUrl,
    `SELECT idx, call_id::text AS call FROM talosgate.audit_entry WHERE kind = 'call.outcome' ORDER BY idx ${order} LIMIT 1`,
  );
  expect(row?.idx).toBeGreaterThanOrEqual(width);
  const proved = await offline(
    'prove',
    row?.call ?? '',
    '--database-url-env',
    'DB',
    '--out',
    join(stack.directory, 'proofs'),
  );
  expect(proved.error).toBe('');
  for (const file of proved.out.trim().split('\n')) {
    expect((await offline('check-proof', file, ...trust)).code).toBe(0);
    const judged = judgeProof(await readFile(file, 'utf8'), signer.verifier.vkey, cosigner.verifier.vkey);
    expect(judged).toEqual({ body: expect.stringContaining(row?.call ?? '-') as string });
  }
});

test('a beginning that is gone without a record is told, with exit code 4', async () => {
  await admin.query('ALTER TABLE talosgate.audit_entry DETACH PARTITION talosgate.audit_entry_small_1');
  const found = await verify();
  await admin.query(
    `ALTER TABLE talosgate.audit_entry ATTACH PARTITION talosgate.audit_entry_small_1 FOR VALUES FROM (${width}) TO (${2 * width})`,
  );
  expect(found.out).toContain(`records 0 to ${2 * width - 1} are gone, and no record says why`);
  expect(found.code).toBe(4);
  expect((await verify()).code).toBe(0);
});

test('a prune that was cut off half-way is explained; one whose record names another checkpoint is refused', async () => {
  const id = await approved(3 * width);
  const body = { bundle: '0'.repeat(64), records: 2 * width };
  await callApi(stack.api('bob'), 'POST', `/api/v1/audit/prunes/${id}/record`, body);
  await sealAll();
  const policy = policyOf([signer.verifier], [cosigner.verifier]);
  const report = async () => await verifyLog(await openPostgresSource(admin), { policy, now: Date.now() });
  const takeOne = () => admin.query('SELECT talosgate.audit_prune_approved($1)', [id]);

  await admin.query('BEGIN; ALTER TABLE talosgate.audit_entry DISABLE TRIGGER ALL');
  await admin.query(
    `UPDATE talosgate.audit_entry SET details = details || '{"checkpoint":"x"}' WHERE kind = 'audit.prune'`,
  );
  await expect(takeOne()).rejects.toThrow(/does not name the checkpoint over records 512 to 1535/);
  await admin.query('ROLLBACK');

  await admin.query('BEGIN');
  await takeOne();
  const half = await report();
  await takeOne();
  const whole = await report();
  await admin.query('ROLLBACK');
  expect([half.exitCode, half.notes]).toEqual([
    0,
    [`records below ${2 * width} were pruned; the prune up to ${3 * width} is not complete`],
  ]);
  expect([whole.exitCode, whole.notes]).toEqual([0, [`records below ${3 * width} were pruned`]]);
});
