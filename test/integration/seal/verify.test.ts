import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSession, type Session } from '../../../src/db/connection.ts';
import { columnRules, otherColumns } from '../../../src/seal/verify/columns.ts';
import type { Report } from '../../../src/seal/verify/findings.ts';
import { openPostgresSource } from '../../../src/seal/verify/postgres-source.ts';
import { verifyLog } from '../../../src/seal/verify/verify-log.ts';
import { checkpointText, signCheckpoint } from '../../../src/tlog/checkpoint.ts';
import { createSigner, generateKey } from '../../../src/tlog/note.ts';
import { policyOf, type TrustPolicy } from '../../../src/tlog/policy.ts';
import { eventually, sql } from '../audit/support.ts';
import { createSealedWorld, origin, type SealedWorld, sealed, writeCalls } from './support.ts';
import { tamperAndVerify } from './tamper-run.ts';

let world: SealedWorld;
let reader: Session;
let policy: TrustPolicy;
let newest: string;
beforeAll(async () => {
  world = await createSealedWorld();
  const { url, signer } = await world.witness();
  policy = policyOf([world.log.verifier], [signer.verifier]);
  const sealing = await world.seal({
    witnesses: [{ url, key: signer.verifier.vkey }],
    everyMs: 20,
    witnessEveryMs: 100,
  });
  const log = await world.write(sealing);
  for (let round = 0; round < 4; round++) {
    await writeCalls(log, 40);
    const size = await sealed(world, sealing);
    await eventually(() => (sealing.health().witnesses[0]?.size ?? 0) >= size);
  }
  await log.close();
  const size = await sealed(world, sealing);
  await eventually(() => (sealing.health().witnesses[0]?.size ?? 0) >= size);
  await sealing.close();
  reader = await openSession({ url: world.database.readerUrl });
  const [row] = await sql<{ note: string }>(
    world.database.adminUrl,
    'SELECT note FROM talosgate.audit_checkpoint ORDER BY size DESC LIMIT 1',
  );
  newest = row?.note ?? '';
}, 60_000);
afterAll(async () => {
  await reader.close();
  await world.close();
});

const verify = async (options: Partial<Parameters<typeof verifyLog>[1]> = {}): Promise<Report> =>
  await verifyLog(await openPostgresSource(reader), { policy, now: Date.now(), ...options });

describe('verifying Postgres', () => {
  test('finds a log as it was written to be good, with the rights of a reader', async () => {
    const report = await verify({ anchors: [newest] });
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({ exitCode: 0, records: 322, sealed: 322, anchored: { size: 322 }, notes: [] });
    expect(report.checkpoints).toBeGreaterThanOrEqual(4);
  });

  test('knows every column of the log', async () => {
    const names = (
      await reader.query<{ name: string }>(
        `SELECT attname AS name FROM pg_attribute WHERE attrelid = 'talosgate.audit_log'::regclass AND attnum > 0 AND NOT attisdropped`,
      )
    ).map(row => row.name);
    expect(names.toSorted()).toEqual([...Object.keys(columnRules), ...otherColumns].toSorted());
  });

  test('says unanchored without a key, and without witnesses where the policy asks for some', async () => {
    const none = await verify({ policy: policyOf([], []) });
    expect(none.exitCode).toBe(5);
    expect(none.findings.map(({ text }) => text).join()).toMatch('unanchored: no key');
    const bare = await verify({ policy: policyOf([world.log.verifier], []) });
    expect([bare.exitCode, bare.findings.map(({ text }) => text)]).toEqual([
      5,
      ['unanchored: no checkpoint has the cosignatures that the policy asks for'],
    ]);
    const enough = await verify({ policy: { ...policyOf([world.log.verifier], []), needsWitnesses: false } });
    expect(enough.exitCode).toBe(0);
  });

  test('says by what key the log is not signed', async () => {
    const other = createSigner(origin, generateKey(), 'note');
    const report = await verify({ policy: policyOf([other.verifier], [...policy.witnesses]) });
    expect(report.exitCode).toBe(2);
    expect(report.findings[0]?.text).toMatch(/not signed by this log/);
  });

  test('names a fork, and what was lost, from a checkpoint kept elsewhere', async () => {
    const root = Buffer.alloc(32, 7);
    const otherPast = await verify({ anchors: [signCheckpoint({ origin, size: 300, root }, world.log)] });
    expect([otherPast.exitCode, otherPast.findings[0]?.index]).toEqual([6, 300]);
    const lost = await verify({ anchors: [signCheckpoint({ origin, size: 400, root }, world.log)] });
    expect(lost.exitCode).toBe(6);
    expect(lost.findings[0]).toMatchObject({
      index: 322,
      text: expect.stringContaining('records 322 to 399 are lost') as string,
    });
    const stranger = createSigner(origin, generateKey(), 'note');
    await expect(verify({ anchors: [signCheckpoint({ origin, size: 7, root }, stranger)] })).rejects.toThrow(/anchor/);
    expect(checkpointText({ origin, size: 7, root })).toContain(origin);
  });

  test('names the fork too where all that was signed is gone', async () => {
    const session = await openSession({ url: world.database.adminUrl });
    await session.query('BEGIN; SET LOCAL session_replication_role = replica');
    for (const table of ['cosignature', 'checkpoint', 'leaf_run', 'tile', 'origin']) {
      await session.query(`ALTER TABLE talosgate.audit_${table} DISABLE TRIGGER ALL`);
      await session.query(`DELETE FROM talosgate.audit_${table}`);
    }
    const source = await openPostgresSource(session);
    const report = await verifyLog(source, { policy, now: Date.now(), anchors: [newest] });
    await session.query('ROLLBACK');
    await session.close();
    expect([report.exitCode, report.findings.map(({ kind }) => kind)]).toEqual([
      6,
      expect.arrayContaining(['fork', 'stale']),
    ]);
  });

  test('tells a stale log by the age of what is not cosigned', async () => {
    const session = await openSession({ url: world.database.adminUrl });
    await session.query('BEGIN; ALTER TABLE talosgate.audit_cosignature DISABLE TRIGGER ALL');
    await session.query('DELETE FROM talosgate.audit_cosignature WHERE size > 300');
    const run = async (now: number): Promise<Report> =>
      await verifyLog(await openPostgresSource(session), { policy, now });
    expect((await run(Date.now())).exitCode).toBe(0);
    const later = await run(Date.now() + 3_600_000);
    expect(later.exitCode).toBe(5);
    expect(later.findings[0]?.text).toMatch(/without the cosignatures/);
    await session.query('ROLLBACK');
    await session.close();
  });
});

// Last: it takes the guards off. The same thousand times over in test/soak/tamper.soak.ts.
test('finds 40 random changes made by a superuser, and names the right record', async () => {
  const { wrong } = await tamperAndVerify(world.database.adminUrl, policy, 40, 20_260_101);
  expect(wrong).toEqual([]);
  expect((await verify()).exitCode).toBe(0);
}, 60_000);
