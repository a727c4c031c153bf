import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Batch, buildBatch } from '../../../src/audit/batch.ts';
import { encodeRecord } from '../../../src/audit/canonical.ts';
import type { AuditRecord } from '../../../src/core/audit-record.ts';
import { openSession, type Session } from '../../../src/db/connection.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { intent, outcome } from './support.ts';

let database: TestDatabase;
let writer: Session;
let admin: Session;
let boot: string;
beforeAll(async () => {
  database = await createTestDatabase();
  writer = await openSession({ url: database.writerUrl });
  admin = await openSession({ url: database.adminUrl });
});
afterAll(async () => {
  await writer.close();
  await admin.close();
  await database.drop();
});
beforeEach(async () => {
  boot = randomUUID();
  await openBoot(boot);
});

const openBoot = (id: string): Promise<unknown> =>
  writer.query('SELECT talosgate.audit_boot_open($1, $2)', [id, 'test']);
const batchOf = (records: readonly AuditRecord[], first: number, bootId = boot): Batch =>
  buildBatch(
    records.map(record => encodeRecord(record, { bootId, time: Date.now(), mono: 1 })),
    first,
  );
const send = async (batch: Batch, bootId = boot, on = writer): Promise<number> => {
  const [row] = await on.query<{ idx: number }>('SELECT talosgate.audit_append($1, $2, $3, $4, $5) AS idx', [
    ...[bootId, batch.firstWseq, batch.ends, batch.bodies, batch.leaves],
  ]);
  return row?.idx ?? -1;
};
const lateOf = async (callId: string): Promise<Record<string, boolean>> => {
  const rows = await admin.query<{ kind: string; late: boolean }>(
    'SELECT kind, late FROM talosgate.audit_entry WHERE call_id = $1',
    [callId],
  );
  return Object.fromEntries(rows.map(row => [row.kind, row.late]));
};

describe('audit_append', () => {
  test('gives the stored index when the last batch is asked for again, and stores it once', async () => {
    const batch = batchOf([intent(), intent()], 1);
    const index = await send(batch);
    expect(await send(batch)).toBe(index);
    const [row] = await admin.query<{ n: number }>(
      'SELECT count(*) AS n FROM talosgate.audit_entry WHERE boot_id = $1',
      [boot],
    );
    expect(row?.n).toBe(2);
  });

  test.each([
    ['skips a number', 3],
    ['begins again', 1],
  ])('refuses a batch that %s with TG010', async (_, first) => {
    await send(batchOf([intent()], 1));
    await expect(send(batchOf([intent(), intent()], first))).rejects.toMatchObject({ sqlState: 'TG010' });
  });

  test('refuses a leaf that is not the hash of its body', async () => {
    const batch = batchOf([intent()], 1);
    batch.leaves.writeUInt8(batch.leaves.readUInt8(0) ^ 1, 0);
    await expect(send(batch)).rejects.toMatchObject({ sqlState: '23514' });
  });

  test('refuses bodies that name another boot or counter than the batch', async () => {
    await expect(send(batchOf([intent()], 1, randomUUID()))).rejects.toMatchObject({ sqlState: '22023' });
    const shifted = batchOf([intent()], 7);
    await expect(send({ ...shifted, firstWseq: 1 })).rejects.toMatchObject({ sqlState: '22023' });
  });

  test('refuses a boot that was not announced, or is closed', async () => {
    await expect(send(batchOf([intent()], 1), randomUUID())).rejects.toMatchObject({ sqlState: 'TG012' });
    await send(batchOf([{ kind: 'boot.close' }], 1));
    await expect(send(batchOf([intent()], 2))).rejects.toMatchObject({ sqlState: 'TG012' });
  });

  test('refuses an unknown for a call that has its outcome, and all that came with it', async () => {
    const { callId = '' } = intent();
    const bystander = intent();
    await send(batchOf([intent(callId)], 1));
    await send(batchOf([outcome(callId)], 2));
    const late = batchOf([bystander, { kind: 'call.unknown', callId, leg: 0 }], 3);
    await expect(send(late)).rejects.toMatchObject({ sqlState: 'TG011' });
    expect(await lateOf(bystander.callId ?? '')).toEqual({});
  });

  test('marks an outcome as late that comes after an unknown', async () => {
    const { callId = '' } = intent();
    await send(batchOf([intent(callId)], 1));
    await send(batchOf([{ kind: 'call.unknown', callId, leg: 0 }], 2));
    await send(batchOf([outcome(callId)], 3));
    expect(await lateOf(callId)).toEqual({ 'call.intent': false, 'call.unknown': false, 'call.outcome': true });
  });

  test('knows intent and outcome in one batch, and does not call the outcome late', async () => {
    const { callId = '' } = intent();
    await send(batchOf([intent(callId), outcome(callId)], 1));
    expect(await lateOf(callId)).toEqual({ 'call.intent': false, 'call.outcome': false });
    expect(await admin.query('SELECT 1 FROM talosgate.audit_open WHERE call_id = $1', [callId])).toEqual([]);
  });

  test('declares a boot lost once, and lets it bring outcomes but no intents after that', async () => {
    const other = randomUUID();
    await openBoot(other);
    const { callId = '' } = intent();
    await send(batchOf([intent(callId)], 1, other), other);
    const lost = (): AuditRecord => ({ kind: 'boot.lost', details: { boot: other } });
    await send(batchOf([lost(), { kind: 'call.unknown', callId, leg: 0 }], 1));
    await expect(send(batchOf([lost()], 3))).rejects.toMatchObject({ sqlState: 'TG011' });
    await expect(send(batchOf([intent()], 2, other), other)).rejects.toMatchObject({ sqlState: 'TG012' });
    await send(batchOf([outcome(callId)], 2, other), other);
    expect(await lateOf(callId)).toMatchObject({ 'call.outcome': true });
  });

  test('is durable although the session asked for less', async () => {
    const careless = await openSession({ url: database.writerUrl, options: '-c synchronous_commit=off' });
    await careless.query('BEGIN');
    await send(batchOf([intent()], 1), boot, careless);
    const [row] = await careless.query<{ level: string }>(`SELECT current_setting('synchronous_commit') AS level`);
    await careless.query('COMMIT');
    expect(row?.level).toBe('on');
    await careless.close();
  });

  test('makes partitions ahead, in whole level-1 tiles, and none by default', async () => {
    const parts = await admin.query<{ lower: number; upper: number }>(
      'SELECT lower, upper FROM talosgate.audit_partition ORDER BY lower',
    );
    expect(parts.length).toBeGreaterThanOrEqual(3);
    for (const [index, part] of parts.entries()) {
      expect(part.lower).toBe(parts[index - 1]?.upper ?? 0);
      expect((part.upper - part.lower) % 65_536).toBe(0);
    }
    const [row] = await admin.query<{ partdefid: number }>(
      `SELECT partdefid::integer FROM pg_partitioned_table WHERE partrelid = 'talosgate.audit_entry'::regclass`,
    );
    expect(row?.partdefid).toBe(0);
  });

  test('makes the next partitions when fewer than two lie ahead', async () => {
    const own = await createTestDatabase();
    const on = await openSession({ url: own.adminUrl });
    await on.query('UPDATE talosgate.audit_head SET size = 3500000');
    const [before] = await on.query<{ ahead: number }>('SELECT talosgate.audit_partitions_ahead() AS ahead');
    expect(before?.ahead).toBeLessThan(2);
    const gateway = await openSession({ url: own.writerUrl });
    const [after] = await gateway.query<{ ahead: number }>('SELECT talosgate.audit_partitions_extend() AS ahead');
    expect(after?.ahead).toBe(4);
    await Promise.all([gateway.close(), on.close()]);
    await own.drop();
  });
});
