import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../src/tlog/checkpoint.ts';
import { leafHash } from '../../../src/tlog/merkle.ts';
import { TileBuilder } from '../../../src/tlog/tiles.ts';
import { naiveRoot } from '../../support/naive-tree.ts';
import { eventually, sql } from '../audit/support.ts';
import { createSealedWorld, origin, records, type SealedWorld, sealed, writeCalls } from './support.ts';

let world: SealedWorld;
beforeEach(async () => {
  world = await createSealedWorld();
});
afterEach(() => world.close());

interface Row {
  readonly size: number;
  readonly previous: number;
  readonly root: Buffer;
  readonly note: string;
}
const checkpoints = (): Promise<Row[]> =>
  sql<Row>(world.database.adminUrl, 'SELECT size, previous, root, note FROM talosgate.audit_checkpoint ORDER BY size');
const bodies = async (): Promise<Buffer[]> =>
  (await sql<{ body: Buffer }>(world.database.adminUrl, 'SELECT body FROM talosgate.audit_entry ORDER BY idx')).map(
    row => row.body,
  );

describe('sealing', () => {
  test('signs the RFC 6962 root of all records, in steps that follow one another', async () => {
    const sealing = await world.seal();
    const log = await world.write(sealing);
    await writeCalls(log, 40);
    await sealed(world, sealing);
    await writeCalls(log, 110);
    const size = await sealed(world, sealing);
    const all = await bodies();
    expect(all).toHaveLength(size);
    const rows = await checkpoints();
    expect(rows.length).toBeGreaterThanOrEqual(2);
    let before = 0;
    for (const row of rows) {
      expect(row.previous).toBe(before);
      expect(openCheckpoint(row.note, world.log.verifier)).toMatchObject({ origin, size: row.size, root: row.root });
      expect(row.root).toEqual(naiveRoot(all.slice(0, row.size)));
      before = row.size;
    }
    expect(before).toBe(size);
    const builder = new TileBuilder();
    const tiles = all.flatMap(body => builder.append(leafHash(body)));
    const stored = await sql<{ level: number; index: number; hashes: Buffer }>(
      world.database.adminUrl,
      'SELECT level, n AS index, hashes FROM talosgate.audit_tile ORDER BY level, n',
    );
    expect(tiles.length).toBeGreaterThan(0);
    expect(stored).toEqual(tiles);
    expect(sealing.health()).toMatchObject({ ok: true, signs: true, fork: undefined, lagSeconds: 0, unchecked: 0 });
    expect(world.reports).toEqual([]);
  });

  test('goes on after a restart where it was, also on another replica that never saw the log', async () => {
    const state = join(world.folder, 'kept.json');
    const first = await world.seal({ state });
    const log = await world.write(first);
    await writeCalls(log, 150);
    await first.close();
    const again = await world.seal({ state });
    await writeCalls(log, 5);
    await sealed(world, again);
    await again.close();
    const other = await world.seal();
    await writeCalls(log, 150);
    const size = await sealed(world, other);
    expect((await checkpoints()).at(-1)?.root).toEqual(naiveRoot((await bodies()).slice(0, size)));
    expect(world.reports).toEqual([]);
  });

  test('by two replicas at once ends in one row of checkpoints', async () => {
    const one = await world.seal({ everyMs: 5 });
    const two = await world.seal({ everyMs: 5 });
    const log = await world.write(one, two);
    await writeCalls(log, 60);
    await sealed(world, one);
    await sealed(world, two);
    expect([one.health().signs, two.health().signs].toSorted()).toEqual([false, true]);
    // The lock of the one that signs is lost while it lives on: the other one takes over, both may sign for a moment.
    await sql(
      world.database.adminUrl,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'talosgate seal'`,
    );
    await writeCalls(log, 60);
    const size = await sealed(world, one);
    await eventually(() => two.health().size >= size);
    const all = await bodies();
    for (const row of await checkpoints()) expect(row.root).toEqual(naiveRoot(all.slice(0, row.size)));
    expect([one.health().fork, two.health().fork]).toEqual([undefined, undefined]);
  });

  test('takes no checkpoint that does not follow the newest one, whoever asks', async () => {
    const sealing = await world.seal();
    await writeCalls(await world.write(sealing), 4);
    await sealed(world, sealing);
    const [newest] = (await checkpoints()).slice(-1);
    const ask = (previous: number, size: number): Promise<{ done: boolean }[]> =>
      sql(
        world.database.sealerUrl,
        `SELECT talosgate.audit_seal($1, $2, $3, $4, 'x', $2, $5, '{}', '{}', '') AS done`,
        [origin, previous, size, Buffer.alloc(32), Buffer.alloc(32 * (size - previous))],
      );
    expect(await ask((newest?.size ?? 0) - 1, newest?.size ?? 0)).toEqual([{ done: false }]);
    await expect(ask(newest?.size ?? 0, (newest?.size ?? 0) + 100)).rejects.toMatchObject({ sqlState: '22023' });
  });
});

describe('a log that is not what it was', () => {
  test('is noticed by the replica that wrote it, before anything is signed', async () => {
    const sealing = await world.seal({ everyMs: 60_000 });
    const log = await world.write(sealing);
    await writeCalls(log, 4);
    const size = await records(world);
    // Body, hash and columns agree with one another; only who wrote the record can tell.
    await world.tamper(
      `UPDATE audit_entry SET (principal, body, leaf) = ('eve@example.com', b, sha256('\\x00'::bytea || b))
       FROM (SELECT convert_to(replace(convert_from(body, 'UTF8'), 'alice@', 'eve@'), 'UTF8') AS b
         FROM audit_entry WHERE idx = 1) AS changed WHERE idx = 1`,
    );
    await sealing.close();
    expect(sealing.health()).toMatchObject({
      ok: false,
      size: 0,
      fork: 'record 1 is not the one that this process wrote',
    });
    expect(await checkpoints()).toEqual([]);
    expect(size).toBeGreaterThan(1);
  });

  test('with the newest records gone is not signed, and stays so after a restart', async () => {
    const state = join(world.folder, 'kept.json');
    const sealing = await world.seal({ state });
    const log = await world.write(sealing);
    await writeCalls(log, 10);
    await sealed(world, sealing);
    await writeCalls(log, 10);
    const size = await sealed(world, sealing);
    const [kept] = await checkpoints();
    const base = kept?.size ?? 0;
    // What a restored backup looks like: records and checkpoints of the end are gone together.
    await world.tamper(
      `DELETE FROM audit_checkpoint WHERE size > ${base}`,
      `DELETE FROM audit_leaf_run WHERE first >= ${base}`,
      `DELETE FROM audit_entry WHERE idx >= ${base}`,
      `UPDATE audit_head SET size = ${base}`,
    );
    await eventually(() => !sealing.health().ok, 5_000);
    expect(sealing.health().fork).toMatch(`records ${base} to ${size - 1}, written by this process, are gone`);
    expect(world.reports.some(report => report.includes('forked'))).toBe(true);
    await sealing.close();
    const again = await world.seal({ state });
    expect(again.health()).toMatchObject({ ok: false, signs: false });
    expect(JSON.parse(await readFile(state, 'utf8'))).toMatchObject({ origin, size: String(size) });
  });

  test('set back and grown again is noticed by a replica that only remembers', async () => {
    const state = join(world.folder, 'kept.json');
    const sealing = await world.seal({ state });
    const log = await world.write(sealing);
    await writeCalls(log, 20);
    await sealed(world, sealing);
    await sealing.close();
    const remembered = await readFile(state, 'utf8');
    await world.tamper('DELETE FROM audit_checkpoint', 'DELETE FROM audit_leaf_run', 'DELETE FROM audit_tile');
    await world.tamper(
      `UPDATE audit_entry SET (body, leaf) = (b, sha256('\\x00'::bytea || b)) FROM (
         SELECT convert_to(replace(convert_from(body, 'UTF8'), 'alice@', 'eve@'), 'UTF8') AS b
         FROM audit_entry WHERE idx = 3) AS changed WHERE idx = 3`,
    );
    // Another replica without memory signs the new past; the first one comes back.
    const fooled = await world.seal();
    await writeCalls(log, 8);
    await sealed(world, fooled);
    await writeFile(state, remembered);
    const back = await world.seal({ state });
    expect(back.health().ok).toBe(false);
    expect(back.health().fork).toMatch(/are not the ones that were signed/);
  });

  test('of another name is not touched', async () => {
    const state = join(world.folder, 'kept.json');
    const sealing = await world.seal({ state });
    await writeCalls(await world.write(sealing), 4);
    await sealed(world, sealing);
    await sealing.close();
    await expect(world.seal({ state, origin: 'gate.example/audit/2' })).rejects.toMatchObject({ code: 'bad-config' });
    const stranger = await world.seal({ origin: 'gate.example/audit/2' });
    expect(stranger.health().size).toBe(0);
    expect(world.reports.some(report => report.includes('cannot be sealed'))).toBe(true);
  });
});
