import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claimedRecord } from '../../../src/approvals/records.ts';
import { type AuditLog, openAuditLog } from '../../../src/audit/log.ts';
import type { AuditRecord } from '../../../src/core/audit-record.ts';
import { systemClock, uuidv7 } from '../../../src/core/clock.ts';
import { type Bench, grant, openBench } from './support.ts';

let bench: Bench;
let logs: AuditLog[];
beforeAll(async () => {
  bench = await openBench();
  const connection = { url: bench.database.writerUrl };
  logs = await Promise.all(['one', 'two'].map(replica => openAuditLog({ connection, replica })));
});
afterAll(async () => {
  await Promise.all(logs.map(log => log.close()));
  await bench.close();
});

describe('a claim through the audit log', () => {
  test('is won by one of many calls on two replicas, and only that one leaves an intent', async () => {
    const approval = await grant(bench.store);
    const { id: approvalId, binding, requester } = approval;
    const answers = await Promise.allSettled(
      Array.from({ length: 60 }, async (_, i) => {
        const callId = uuidv7(systemClock);
        const intent: AuditRecord = { kind: 'call.intent', callId, approvalId, principal: requester };
        const records = [intent, claimedRecord(approval, callId)];
        await logs[i % 2]?.appendClaim(records, { approvalId, binding, requester });
      }),
    );
    expect(answers.filter(answer => answer.status === 'fulfilled')).toHaveLength(1);
    const refusals = answers.filter(answer => answer.status === 'rejected').map(answer => answer.reason as unknown);
    for (const refusal of refusals) expect(refusal).toMatchObject({ code: 'conflict' });
    const rows = await bench.admin.query<{ kind: string; call_id: string }>(
      'SELECT kind, call_id FROM talosgate.audit_entry WHERE approval_id = $1 ORDER BY idx',
      [approvalId],
    );
    expect(rows.map(row => row.kind)).toEqual(['call.intent', 'approval.claimed']);
    expect(await bench.store.get(approvalId)).toMatchObject({ state: 'claimed', claimedBy: rows[0]?.call_id });
  });
});
