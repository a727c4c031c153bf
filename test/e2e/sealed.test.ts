// A gateway that signs its log: what the operator of the database takes away behind its back is noticed.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSession, type Session } from '../../src/db/connection.ts';
import { createSigner } from '../../src/tlog/note.ts';
import { version } from '../support/calls.ts';
import { type CliResult, cli } from '../support/cli.ts';
import { DebugSession, debugSpec, pullImage } from '../support/debug-session.ts';
import { vote } from '../support/http.ts';
import { ask } from '../support/https.ts';
import { type Replica, startReplica } from '../support/replica.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
let admin: Session;
beforeAll(async () => {
  stack = await startStack({ sealed: true });
  admin = await openSession({ url: stack.database.adminUrl });
});
afterAll(async () => {
  await admin.close();
  await stack.close();
});

const origin = (): string => stack.config.sealing?.origin ?? '';
const successor = 'localhost/talosgate-demo/2';
const policyFile = (): string => join(stack.directory, 'trust.policy');
const verify = (...more: string[]): Promise<CliResult> =>
  cli(['audit', 'verify', '--config', join(stack.directory, 'talosgate.yaml'), ...more]);

async function number(text: string): Promise<number> {
  const [row] = await admin.query<{ value: number | null }>(text);
  return row?.value ?? 0;
}
const records = (): Promise<number> => number('SELECT size AS value FROM talosgate.audit_head');
const sealed = (of = origin()): Promise<number> =>
  number(`SELECT max(size) AS value FROM talosgate.audit_checkpoint WHERE origin = '${of}'`);

/** Makes calls, and waits until a checkpoint covers every record of them. Gives the number of records. */
async function callsAreSealed(count: number): Promise<number> {
  for (let at = 0; at < count; at++) expect((await version(stack.as('alice'))).code).toBe(0);
  await until(async () => (await number('SELECT count(*) AS value FROM talosgate.audit_open')) === 0);
  const size = await records();
  await until(async () => (await sealed()) >= size);
  return size;
}

async function readiness(of: Stack | Replica = stack): Promise<{ status: number; sealing: string }> {
  const { status, body } = await ask(of.api('carol'), '/readyz', { certificate: false });
  return { status, sealing: JSON.stringify(body) };
}

test('its calls are covered by a checkpoint within seconds, and verify', async () => {
  const begun = performance.now();
  const size = await callsAreSealed(3);
  expect(performance.now() - begun).toBeLessThan(10_000);
  const good = await verify('--policy', policyFile());
  expect([good.code, good.error]).toEqual([0, '']);
  expect(good.out).toMatch(/sealed up to \d+\nunanchored\n/);
  expect(Number(/sealed up to (\d+)/.exec(good.out)?.[1])).toBeGreaterThanOrEqual(size);
  expect(await readiness()).toMatchObject({ status: 200, sealing: expect.stringContaining('are sealed') as string });

  // A key alone asks for witnesses, of which there are none here; no key at all confirms nothing.
  const { vkey } = createSigner(origin(), stack.config.sealing?.key ?? '', 'note').verifier;
  const alone = await verify('--key', vkey);
  expect([alone.code, alone.out]).toEqual([5, expect.stringMatching(/no checkpoint has the cosignatures/)]);
  expect((await verify()).code).toBe(5);
});

test('recordings of shells are verified with it, without their key', async () => {
  const image = await pullImage(stack.as('bob'));
  const session = new DebugSession(stack.as('bob'), debugSpec(image));
  const id = await session.raise();
  expect(await vote(stack.api('carol'), id)).toBe('approved');
  await session.shows('# ');
  session.type('id\r');
  await session.shows('uid=0(root)');
  session.type('exit 0\r');
  await session.exits();
  session.leave();
  const pieces = `SELECT count(*) AS value FROM talosgate.audit_log WHERE kind = 'session.ended'`;
  await until(async () => (await number(pieces)) === 1);
  await callsAreSealed(1);
  const good = await verify('--policy', policyFile());
  expect([good.code, good.out]).toEqual([0, expect.not.stringContaining('recordings') as string]);

  const piece = 'WHERE seq = (SELECT max(seq) FROM talosgate.session_chunk)';
  const change = `UPDATE talosgate.session_chunk SET ciphertext = set_byte(ciphertext, 3, get_byte(ciphertext, 3) # 1) ${piece}`;
  await findsAfter(change, 2, /ALTERED .*piece \d+ of the recording .* was changed/);
  const exchange = `UPDATE talosgate.session SET keys = keys || ' '`;
  await findsAfter(exchange, 2, /the keys of session .* were exchanged/);
  const remove = `DELETE FROM talosgate.session_chunk ${piece}`;
  await findsAfter(remove, 3, /GAP .*piece \d+ of the recording .* is gone/);
});

// Last: the log is another one afterwards.
test('a log that was set back is signed no more, until its owner says why and under which name it goes on', async () => {
  const before = await callsAreSealed(1);
  const lost = await callsAreSealed(3);
  const [newest] = await admin.query<{ note: string }>(
    'SELECT note FROM talosgate.audit_checkpoint ORDER BY size DESC LIMIT 1',
  );
  const anchor = join(stack.directory, 'kept.checkpoint');
  await writeFile(anchor, newest?.note ?? '');
  await setBackTo(before);
  const begun = performance.now();
  await until(async () => (await readiness()).status === 503);
  expect(performance.now() - begun).toBeLessThan(5_000);
  expect((await readiness()).sealing).toContain('not the one that was signed');
  expect(stack.log.join('\n')).toMatch(/forked and will not be signed/);

  const fork = await verify('--policy', policyFile(), '--anchor', anchor);
  expect(fork.code).toBe(6);
  expect(fork.out).toMatch(new RegExp(`FORK .*records \\d+ to ${lost - 1} are lost`));

  const words = [
    'audit',
    'fork',
    '--config',
    join(stack.directory, 'talosgate.yaml'),
    '--reason',
    'restored, INC-4711',
  ];
  const env = { TALOSGATE_ADMIN_URL: stack.database.adminUrl };
  const opened = await cli([...words, '--to', successor], { env });
  expect([opened.code, opened.error]).toEqual([0, '']);
  expect(opened.out).toContain(successor);

  const { config, secrets } = stack;
  if (config.sealing === undefined) throw new Error('this stack signs');
  const sealing = { ...config.sealing, origin: successor };
  const next = await startReplica({ config: { ...config, sealing }, secrets, api: person => stack.api(person) });
  try {
    const size = await records();
    await until(async () => (await sealed(successor)) >= size);
    expect((await readiness(next)).status).toBe(200);
    const keys = [origin(), successor].map(name => createSigner(name, sealing.key, 'note').verifier.vkey);
    await writeFile(policyFile(), `${keys.map(key => `log ${key}\n`).join('')}quorum none\n`);
    const after = await verify('--policy', policyFile());
    expect([after.code, after.out]).toEqual([0, expect.stringContaining('good')]);
    const told = await verify('--policy', policyFile(), '--anchor', anchor);
    expect(told.code).toBe(6);
  } finally {
    await next.close();
  }
});

/** Makes a change to the recordings as a superuser, verifies, and takes it back. */
async function findsAfter(change: string, code: number, text: RegExp): Promise<void> {
  const kept = ['session', 'session_chunk'].map(
    table => `CREATE TABLE kept_${table} AS SELECT * FROM talosgate.${table};`,
  );
  const guard = (verb: string): string => `ALTER TABLE talosgate.session_chunk ${verb} TRIGGER ALL;`;
  await admin.query(`BEGIN; ${kept.join(' ')} ${guard('DISABLE')} ${change}; COMMIT`);
  const found = await verify('--policy', policyFile());
  await admin.query(`BEGIN; DELETE FROM talosgate.session_chunk; DELETE FROM talosgate.session;
    INSERT INTO talosgate.session SELECT * FROM kept_session; INSERT INTO talosgate.session_chunk SELECT * FROM kept_session_chunk;
    DROP TABLE kept_session, kept_session_chunk; ${guard('ENABLE')} COMMIT`);
  expect([found.code, found.out]).toEqual([code, expect.stringMatching(text)]);
}

/** What bringing back an older copy of the database comes to: nothing of what came after is left. */
async function setBackTo(size: number): Promise<void> {
  const tables = ['audit_entry', 'audit_head', 'audit_writer', 'audit_checkpoint', 'audit_leaf_run'];
  const guards = (verb: string): string =>
    tables.map(table => `ALTER TABLE talosgate.${table} ${verb} TRIGGER ALL;`).join(' ');
  await admin.query(`BEGIN; ${guards('DISABLE')}
    DELETE FROM talosgate.audit_entry WHERE idx >= ${size};
    UPDATE talosgate.audit_head SET size = ${size};
    UPDATE talosgate.audit_writer AS w SET last_wseq =
      (SELECT max(wseq) FROM talosgate.audit_entry AS e WHERE e.boot_id = w.boot_id);
    DELETE FROM talosgate.audit_checkpoint WHERE size > ${size};
    DELETE FROM talosgate.audit_leaf_run WHERE first >= ${size};
    ${guards('ENABLE')} COMMIT`);
}
