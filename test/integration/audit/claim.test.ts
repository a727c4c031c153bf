import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildBatch } from '../../../src/audit/batch.ts';
import { encodeRecord } from '../../../src/audit/canonical.ts';
import type { AuditLog } from '../../../src/audit/log.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { intent, openTestLog, outcome, soundness, sql } from './support.ts';

let database: TestDatabase;
let log: AuditLog;
const binding = createHash('sha256').update('request').digest('hex');

beforeAll(async () => {
  database = await createTestDatabase();
  // What the audit log depends on is the promise of approval_claim, not how approvals keep it: this one counts its uses.
  await sql(
    database.adminUrl,
    `CREATE TABLE talosgate.test_use (approval text PRIMARY KEY, binding text, requester text, boot uuid, call_id uuid);
     CREATE OR REPLACE FUNCTION talosgate.approval_claim(
       p_id text, p_binding text, p_requester text, p_boot uuid, p_call_id uuid) RETURNS void
     LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
     BEGIN
       INSERT INTO test_use VALUES (p_id, p_binding, p_requester, p_boot, p_call_id) ON CONFLICT DO NOTHING;
       IF NOT FOUND THEN
         RAISE EXCEPTION 'used' USING ERRCODE = 'TG001';
       END IF;
     END $$;
     ALTER TABLE talosgate.test_use OWNER TO talosgate_owner`,
  );
  log = await openTestLog(database.writerUrl);
});
afterAll(async () => {
  await log.close();
  await database.drop();
});

describe('appendClaim', () => {
  test('writes the intent and uses the approval up together', async () => {
    const callId = randomUUID();
    await log.appendClaim([intent(callId)], { approvalId: 'a-1', binding, requester: 'alice' });
    const uses = await sql(database.adminUrl, 'SELECT * FROM talosgate.test_use WHERE approval = $1', ['a-1']);
    expect(uses).toEqual([{ approval: 'a-1', binding, requester: 'alice', boot: log.bootId, call_id: callId }]);
    await log.enqueue(outcome(callId));
  });

  test('writes nothing when the approval cannot be claimed, and others go on', async () => {
    const callId = randomUUID();
    const claim = { approvalId: 'a-2', binding, requester: 'alice' };
    const first = intent();
    await log.appendClaim([first], claim);
    const others = Array.from({ length: 20 }, () => intent());
    const appended = others.map(other => log.append([other]));
    await expect(log.appendClaim([intent(callId)], claim)).rejects.toMatchObject({ code: 'conflict' });
    await Promise.all(appended);
    const rows = await sql(database.adminUrl, 'SELECT 1 FROM talosgate.audit_entry WHERE call_id = $1', [callId]);
    expect(rows).toEqual([]);
    await Promise.all([first, ...others].map(one => log.enqueue(outcome(one.callId ?? ''))));
    expect(await soundness(database.adminUrl)).toMatchObject({ gaps: 0, counterGaps: 0, open: 0 });
  });

  test('gives one of a hundred claims at once the approval', async () => {
    const claim = { approvalId: 'a-3', binding, requester: 'alice' };
    const other = await openTestLog(database.writerUrl);
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, n) => (n % 2 === 0 ? log : other).appendClaim([intent()], claim)),
    );
    expect(results.filter(result => result.status === 'fulfilled')).toHaveLength(1);
    await other.close();
  });
});

describe('audit_append_claimed', () => {
  test('finds both done when the same batch is asked for again', async () => {
    const boot = randomUUID();
    await sql(database.writerUrl, 'SELECT talosgate.audit_boot_open($1, $2)', [boot, 'test']);
    const encoded = encodeRecord(intent(), { bootId: boot, time: Date.now(), mono: 1 });
    const batch = buildBatch([encoded], 1);
    const ask = (): Promise<{ idx: number }[]> =>
      sql(database.writerUrl, 'SELECT talosgate.audit_append_claimed($1, $2, $3, $4, $5, $6, $7, $8) AS idx', [
        ...[boot, batch.firstWseq, batch.lengths, batch.bodies, batch.leaves],
        ...['a-4', binding, 'alice'],
      ]);
    const first = await ask();
    expect(await ask()).toEqual(first);
    const rows = await sql(database.adminUrl, 'SELECT 1 FROM talosgate.audit_entry WHERE boot_id = $1', [boot]);
    expect(rows).toHaveLength(1);
  });
});
