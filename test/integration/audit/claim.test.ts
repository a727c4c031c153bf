import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildBatch } from '../../../src/audit/batch.ts';
import { encodeRecord } from '../../../src/audit/canonical.ts';
import type { Claim } from '../../../src/audit/entry.ts';
import type { AuditLog } from '../../../src/audit/log.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { intent, openTestLog, outcome, soundness, sql } from './support.ts';

let database: TestDatabase;
let log: AuditLog;
let made = 0;

/** A grant as the approvals part makes it: asked for by alice, agreed to by carol. */
async function grant(): Promise<Claim> {
  made += 1;
  const approvalId = `dbg-2222${'23456789'[made] ?? ''}`;
  const binding = createHash('sha256').update(approvalId).digest('hex');
  await sql(
    database.writerUrl,
    'SELECT talosgate.approval_request($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, $12, 100)',
    [
      ...[
        approvalId,
        binding,
        'alice@example.com',
        'demo',
        'node-1',
        '/machine.DebugService/ContainerRun',
        'debug.run',
      ],
      ...['debug', '{}', 'stuck kubelet', '[{"group": null, "count": 1}]', 600_000],
    ],
  );
  const [row] = await sql<{ answer: { outcome: string } }>(
    database.writerUrl,
    'SELECT talosgate.approval_vote($1, $2, $3, $4, $5) AS answer',
    [approvalId, 'carol@example.com', [], 'approve', 'fine'],
  );
  expect(row?.answer.outcome).toBe('ok');
  return { approvalId, binding, requester: 'alice@example.com' };
}

const useOf = async (claim: Claim): Promise<unknown[]> =>
  await sql(database.adminUrl, 'SELECT boot_id, call_id FROM talosgate.approval_use WHERE approval_id = $1', [
    claim.approvalId,
  ]);

beforeAll(async () => {
  database = await createTestDatabase();
  log = await openTestLog(database.writerUrl);
});
afterAll(async () => {
  await log.close();
  await database.drop();
});

describe('appendClaim', () => {
  test('writes the intent and uses the approval up together', async () => {
    const callId = randomUUID();
    const claim = await grant();
    await log.appendClaim([intent(callId)], claim);
    expect(await useOf(claim)).toEqual([{ boot_id: log.bootId, call_id: callId }]);
    await log.enqueue(outcome(callId));
  });

  test('writes nothing when the approval cannot be claimed, and others go on', async () => {
    const callId = randomUUID();
    const claim = await grant();
    const first = intent();
    await log.appendClaim([first], claim);
    const others = Array.from({ length: 20 }, () => intent());
    const appended = others.map(other => log.append([other]));
    await expect(log.appendClaim([intent(callId)], claim)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('was used already') as string,
    });
    await Promise.all(appended);
    const rows = await sql(database.adminUrl, 'SELECT 1 FROM talosgate.audit_entry WHERE call_id = $1', [callId]);
    expect(rows).toEqual([]);
    await Promise.all([first, ...others].map(one => log.enqueue(outcome(one.callId ?? ''))));
    expect(await soundness(database.adminUrl)).toMatchObject({ gaps: 0, counterGaps: 0, open: 0 });
  });

  test('gives one of a hundred claims at once the approval', async () => {
    const claim = await grant();
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
    const claim = await grant();
    const ask = (): Promise<{ idx: number }[]> =>
      sql(database.writerUrl, 'SELECT talosgate.audit_append_claimed($1, $2, $3, $4, $5, $6, $7, $8) AS idx', [
        ...[boot, batch.firstWseq, batch.ends, batch.bodies, batch.leaves],
        ...[claim.approvalId, claim.binding, claim.requester],
      ]);
    const first = await ask();
    expect(await ask()).toEqual(first);
    const rows = await sql(database.adminUrl, 'SELECT 1 FROM talosgate.audit_entry WHERE boot_id = $1', [boot]);
    expect(rows).toHaveLength(1);
    expect(await useOf(claim)).toHaveLength(1);
  });
});
