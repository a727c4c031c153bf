import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { leafHash } from '../../../src/audit/batch.ts';
import type { AuditLog } from '../../../src/audit/log.ts';
import type { AuditRecord } from '../../../src/core/audit-record.ts';
import type { DurableBatch } from '../../../src/core/durable-batch.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { intent, openTestLog, outcome, soundness, sql } from './support.ts';

let database: TestDatabase;
let log: AuditLog;
beforeAll(async () => {
  database = await createTestDatabase();
  log = await openTestLog(database.writerUrl);
});
afterAll(async () => {
  await log.close();
  await database.drop();
});

describe('append', () => {
  test('stores every member of a record in its column, and the body holds the same', async () => {
    const record: Required<AuditRecord> = {
      kind: 'call.intent',
      callId: randomUUID(),
      leg: 2,
      approvalId: 'dbg-22222',
      principal: 'älice@example.com',
      principalKind: 'machine',
      groups: ['ops', 'dev'],
      proofs: [{ kind: 'mtls', fingerprint: 'aa', serial: '01', issuer: 'CN=ca' }],
      peerAddress: '2001:db8::1',
      peerPort: 41_000,
      userAgent: 'grpc-go/1.70 \u202e',
      method: '/machine.MachineService/Logs',
      action: 'logs.read',
      risk: 'read',
      resource: 'logs/system/kubelet',
      cluster: 'demo',
      node: 'node-1',
      asked: '10.0.0.1',
      decision: 'allow',
      reason: 'rule',
      rule: 'policies/policy.csv:12',
      policyRevision: 'cc',
      requestDigest: 'dd',
      request: { id: 'kubelet', list: ['a', true], token: { length: '5', digest: 'hmac:1:ee' } },
      talosRole: 'os:reader',
      grpcCode: 14,
      grpcMessage: 'gone "away"',
      endCause: 'upstream-lost',
      requestBytes: 5,
      requestMessages: 1,
      responseBytes: 9_007_199_254_740_991,
      responseMessages: 2,
      durationUs: 1_234_567,
      details: { note: 'x' },
    };
    await log.append([record]);
    const [row] = await sql<Record<string, unknown>>(
      database.adminUrl,
      'SELECT * FROM talosgate.audit_entry WHERE call_id = $1',
      [record.callId],
    );
    if (row === undefined) throw new Error('not stored');
    const body = row['body'] as Buffer;
    const parsed = JSON.parse(body.toString()) as Record<string, unknown>;
    for (const name of Object.keys(record)) {
      const column = row[name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)];
      expect(typeof column === 'number' ? String(column) : column, name).toEqual(parsed[name]);
    }
    expect(row['boot_id']).toBe(parsed['bootId']);
    expect(String(row['wseq'])).toBe(parsed['wseq']);
    expect(String(row['mono_us'])).toBe(parsed['mono']);
    expect((row['gw_ts'] as Date).toISOString()).toBe(parsed['time']);
    expect(String(row['schema_version'])).toBe(parsed['v']);
    expect(parsed['userAgent']).toBe('grpc-go/1.70 \\u{202e}');
    expect(row['leaf']).toEqual(leafHash(body));
  });

  test('keeps the index and the counters of two writers at once without gap', async () => {
    const other = await openTestLog(database.writerUrl);
    const calls = async (writer: AuditLog): Promise<void> => {
      for (let n = 0; n < 20; n += 1) {
        const { callId = '' } = intent();
        await writer.append([intent(callId)]);
        await writer.enqueue(outcome(callId));
      }
    };
    await Promise.all([log, other].flatMap(writer => Array.from({ length: 8 }, () => calls(writer))));
    await other.close();
    const state = await soundness(database.adminUrl);
    expect(state).toMatchObject({ gaps: 0, counterGaps: 0, badLeaves: 0, open: 1 });
    expect(state.records).toBe(state.size);
    expect(state.records).toBeGreaterThanOrEqual(2 * 8 * 20 * 2);
  });

  test('writes the records of one append in one commit', async () => {
    const callId = randomUUID();
    await log.append([0, 1, 2].map(leg => intent(callId, { leg })));
    const rows = await sql<{ x: string }>(
      database.adminUrl,
      'SELECT DISTINCT xmin::text AS x FROM talosgate.audit_entry WHERE call_id = $1',
      [callId],
    );
    expect(rows).toHaveLength(1);
    await Promise.all([0, 1, 2].map(leg => log.enqueue(outcome(callId, { leg }))));
  });

  test('refuses at once when no time is left before the deadline', async () => {
    const late = log.append([intent()], { deadline: Date.now() + 50 });
    await expect(late).rejects.toMatchObject({ code: 'deadline-exceeded' });
  });
});

describe('a patient record', () => {
  test('becomes durable without company, and is not left behind when the log closes', async () => {
    const own = await openTestLog(database.writerUrl);
    const [first, second] = [randomUUID(), randomUUID()];
    await own.append([intent(first), intent(second)]);
    await own.enqueue(outcome(first), { patient: true });
    const last = own.enqueue(outcome(second), { patient: true });
    await own.close();
    await last;
    const rows = await sql<{ n: number }>(
      database.adminUrl,
      'SELECT count(*) AS n FROM talosgate.audit_entry WHERE call_id = ANY ($1)',
      [[first, second]],
    );
    expect(rows).toEqual([{ n: 4 }]);
  });
});

describe('onDurable', () => {
  test('is told where each batch stands, with its leaves, before the caller of append goes on', async () => {
    const batches: DurableBatch[] = [];
    const own = await openTestLog(database.writerUrl, { onDurable: batch => batches.push(batch) });
    const callId = randomUUID();
    await own.append([intent(callId), intent(randomUUID(), { leg: 1 })]);
    const told = batches.at(-1);
    await own.enqueue(outcome(callId));
    await own.close();
    const rows = await sql<{ idx: number; wseq: number; leaf: Buffer }>(
      database.adminUrl,
      'SELECT idx, wseq, leaf FROM talosgate.audit_entry WHERE boot_id = $1 ORDER BY idx',
      [own.bootId],
    );
    expect(told).toMatchObject({ bootId: own.bootId, firstWseq: rows[1]?.wseq, firstIndex: rows[1]?.idx });
    const leaves = batches.flatMap(batch => {
      const count = batch.leaves.length / 32;
      return Array.from({ length: count }, (_, at) => ({
        idx: batch.firstIndex + at,
        wseq: batch.firstWseq + at,
        leaf: batch.leaves.subarray(32 * at, 32 * at + 32).toString('hex'),
      }));
    });
    expect(leaves).toEqual(rows.map(row => ({ ...row, leaf: row.leaf.toString('hex') })));
  });
});
