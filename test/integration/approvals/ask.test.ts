import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { askForGrant } from '../../../src/approvals/ask.ts';
import { claimedRecord } from '../../../src/approvals/records.ts';
import { type Bench, grant, newApproval, openBench } from './support.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

let people = 0;
/** A requester whom no other test counts. */
let requester: string;
beforeEach(() => {
  people += 1;
  requester = `bob-${people}@example.com`;
  bench.records.length = 0;
});
const approve = (id: string, by = 'carol@example.com') =>
  bench.store.decide({ id, by, verdict: 'approve', reason: 'ok' });

describe('askForGrant', () => {
  const texts = { approvers: 'platform-leads', baseUrl: 'https://gate.example.com' };

  test('says where to decide and what to do, then uses the grant', async () => {
    const request = { ...newApproval({ requester }), action: 'node.reset' };
    const asked = await askForGrant({ store: bench.store, request, texts });
    if (asked.kind !== 'needs-approval') throw new Error('was granted');
    const id = asked.approvalId ?? '';
    expect(asked.message).toBe(
      `node.reset on worker-1 needs approval: request ${id} is open (approvers: platform-leads; ` +
        `https://gate.example.com/approvals/${id}); run the same again after approval`,
    );
    expect(await askForGrant({ store: bench.store, request, texts })).toEqual(asked);
    await approve(id);
    expect(await askForGrant({ store: bench.store, request, texts })).toMatchObject({
      kind: 'granted',
      approval: { id },
    });
  });
});

describe('claimedRecord', () => {
  test('names who used the grant and who gave it', async () => {
    const approval = await grant(bench.store, { requester });
    expect(claimedRecord(approval, 'call-9')).toMatchObject({
      kind: 'approval.claimed',
      approvalId: approval.id,
      callId: 'call-9',
      principal: requester,
      details: { approvers: ['carol@example.com'], binding: approval.binding },
    });
  });
});
