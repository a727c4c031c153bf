import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createApprovalStore } from '../../../src/approvals/store.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { GateError } from '../../../src/core/gate-error.ts';
import { type Bench, claim, elapse, grant, newApproval, openBench, refusal, storeOn } from './support.ts';

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

describe('request', () => {
  test('raises a request that says all an approver has to know', async () => {
    const input = newApproval({ requester });
    const approval = await bench.store.request(input);
    expect(approval).toMatchObject({
      state: 'pending',
      requester,
      node: 'worker-1',
      binding: input.binding,
      votes: [],
    });
    expect(approval.id).toMatch(/^dbg-/);
    expect(approval.summary).toEqual(input.summary);
    expect(approval.expiresAt - approval.createdAt).toBe(3_600_000);
    expect(Math.abs(approval.createdAt - Date.now())).toBeLessThan(60_000);
    expect(await bench.store.get(approval.id)).toEqual(approval);
    expect(await bench.store.find(input.binding)).toEqual(approval);
  });

  test('keeps whatever text a request holds', async () => {
    const summary = { 'spec.image_name': 'a\0b\ud800c\\u0000', list: ['x\0'] };
    const approval = await bench.store.request({ ...newApproval({ requester }), summary });
    expect(approval.summary).toEqual({ 'spec.image_name': 'a\ufffdb\ufffdc\\u0000', list: ['x\ufffd'] });
  });

  test('is recorded before it exists', async () => {
    const input = newApproval({ requester });
    const unwilling = createApprovalStore({
      database: bench.writer,
      clock: systemClock,
      record: () => Promise.reject(new GateError('audit-unavailable', 'the log is away')),
      settings: { pending: 1000, claim_window: 1000, max_open: 10 },
    });
    expect(await refusal(unwilling.request(input))).toMatchObject({ code: 'audit-unavailable' });
    expect(await bench.store.find(input.binding)).toBeUndefined();
    const { id } = await bench.store.request({ ...input, from: { callId: 'call-7', peerAddress: '192.0.2.1' } });
    expect(bench.records).toMatchObject([
      {
        kind: 'approval.requested',
        approvalId: id,
        principal: requester,
        callId: 'call-7',
        peerAddress: '192.0.2.1',
        action: 'debug.run',
        requestDigest: input.requestDigest,
        request: input.summary,
        details: { reason: input.reason, binding: input.binding },
      },
    ]);
  });

  test('finds the open request and the unused grant for the same call instead of raising another', async () => {
    const input = newApproval({ requester });
    const first = await bench.store.request(input);
    expect(await bench.store.request({ ...input, reason: 'other words' })).toEqual(first);
    const approved = await approve(first.id);
    expect(await bench.store.request(input)).toEqual(approved);
    expect(await claim(bench.admin, approved)).toBeUndefined();
    expect((await bench.store.request(input)).id).not.toBe(first.id);
  });

  test('raises one request when a call is made many times at once, on two replicas', async () => {
    const input = newApproval({ requester });
    const other = storeOn(bench.writer);
    const ids = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? bench.store : other).request(input)),
    );
    expect(new Set(ids.map(approval => approval.id)).size).toBe(1);
    const kept = ids[0]?.id;
    const strays = bench.records.filter(record => record.kind === 'approval.requested' && record.approvalId !== kept);
    const explained = bench.records.filter(record => record.details?.['state'] === 'not-raised');
    expect(explained.map(record => record.approvalId).sort()).toEqual(strays.map(record => record.approvalId).sort());
  });

  test('holds to the bound of open requests, grants included, however they arrive', async () => {
    const answers = await Promise.allSettled(
      Array.from({ length: 15 }, () => bench.store.request(newApproval({ requester }))),
    );
    const raised = answers.filter(answer => answer.status === 'fulfilled').map(answer => answer.value);
    expect(raised).toHaveLength(10);
    await approve(raised[0]?.id ?? '');
    expect(await refusal(bench.store.request(newApproval({ requester })))).toMatchObject({
      code: 'overloaded',
      message: expect.stringContaining('10 open requests') as unknown,
    });
    await elapse(bench.admin, raised[1]?.id ?? '', '2 hours');
    expect(await bench.store.request(newApproval({ requester }))).toMatchObject({ state: 'pending' });
  });

  test('retries when an id is taken', async () => {
    const taken = await bench.store.request(newApproval({ requester }));
    const letters = '23456789bcdfghjkmnpqrstvwxyz';
    const bytes = [...Array.from(taken.id.slice(4), letter => letters.indexOf(letter)), 0, 0, 0];
    let calls = 0;
    const unlucky = createApprovalStore({
      database: bench.writer,
      clock: { ...systemClock, random: size => (calls++ < 2 ? Buffer.from(bytes) : systemClock.random(size)) },
      record: () => Promise.resolve(),
      settings: { pending: 1000, claim_window: 1000, max_open: 10 },
    });
    const approval = await unlucky.request(newApproval({ requester }));
    expect(approval.id).not.toBe(taken.id);
    expect(calls).toBe(3);
  });

  test('never lasts longer than the hour and the half hour, whatever the settings say', async () => {
    const generous = storeOn(bench.writer, [], { pending: 10 * 3_600_000, claim_window: 10 * 3_600_000 });
    const { id, createdAt, expiresAt } = await generous.request(newApproval({ requester }));
    expect(expiresAt - createdAt).toBe(3_600_000);
    const approved = await approve(id);
    expect(approved.expiresAt - (approved.votes[0]?.at ?? 0)).toBe(1_800_000);
  });
});

describe('decide', () => {
  test('grants by one vote of somebody else and records the vote first', async () => {
    const { id } = await bench.store.request(newApproval({ requester }));
    const approved = await bench.store.decide({
      id,
      by: 'carol@example.com',
      groups: ['platform-leads'],
      verdict: 'approve',
      reason: 'ok, 30 min',
    });
    expect(approved).toMatchObject({
      state: 'approved',
      votes: [{ by: 'carol@example.com', groups: ['platform-leads'], verdict: 'approve', reason: 'ok, 30 min' }],
    });
    expect(bench.records.at(-1)).toMatchObject({
      kind: 'approval.decided',
      approvalId: id,
      principal: 'carol@example.com',
      details: { requester, verdict: 'approve', reason: 'ok, 30 min', outcome: 'accepted' },
    });
  });

  test("refuses the requester's own vote, in whatever letters or through a machine, and records the attempt", async () => {
    const { id } = await bench.store.request(newApproval({ requester }));
    for (const by of [requester, requester.toUpperCase(), `machine:${requester}`]) {
      expect(await refusal(approve(id, by))).toEqual({
        code: 'conflict',
        message: `${id} is your own request; an approval must come from somebody else`,
      });
      expect(bench.records.at(-1)).toMatchObject({ principal: by, details: { outcome: 'refused: own-request' } });
    }
    expect(await bench.store.get(id)).toMatchObject({ state: 'pending', votes: [] });
  });

  test('refuses votes on what is decided, lapsed or unknown', async () => {
    const decided = await grant(bench.store, { requester });
    expect((await refusal(approve(decided.id, 'dave'))).message).toContain(
      'is approved; there is nothing left to decide',
    );
    const lapsed = await bench.store.request(newApproval({ requester }));
    await elapse(bench.admin, lapsed.id, '1 hour');
    expect((await refusal(approve(lapsed.id))).message).toContain('is expired');
    for (const id of ['dbg-zzzzz', 'nonsense\0']) expect((await refusal(approve(id))).code).toBe('not-found');
  });

  test('counts one of many votes at once, and each person once', async () => {
    const two = { approvals: [{ group: undefined, count: 2 }], denials: 1 };
    const { id } = await bench.store.request({ ...newApproval({ requester }), terms: { quorum: two } });
    const votes = await Promise.allSettled(Array.from({ length: 10 }, () => approve(id)));
    expect(votes.filter(vote => vote.status === 'fulfilled')).toHaveLength(1);
    expect(await bench.store.get(id)).toMatchObject({ state: 'pending' });
    expect(await approve(id, 'dave')).toMatchObject({ state: 'approved' });
  });

  test('does nothing when the vote cannot be recorded', async () => {
    const { id } = await bench.store.request(newApproval({ requester }));
    const unwilling = createApprovalStore({
      database: bench.writer,
      clock: systemClock,
      record: () => Promise.reject(new GateError('audit-unavailable', 'the log is away')),
      settings: { pending: 1000, claim_window: 1000, max_open: 10 },
    });
    const vote = unwilling.decide({ id, by: 'carol@example.com', verdict: 'approve', reason: '' });
    expect((await refusal(vote)).code).toBe('audit-unavailable');
    expect(await bench.store.get(id)).toMatchObject({ state: 'pending', votes: [] });
  });

  test('keeps any text, cut to its limit', async () => {
    const reason = `'"\\; DROP TABLE\0 ${'👍'.repeat(600)}`;
    const { id } = await bench.store.request({ ...newApproval({ requester }), reason });
    const denied = await bench.store.decide({ id, by: 'carol@example.com', verdict: 'deny', reason });
    for (const text of [denied.reason, denied.votes[0]?.reason ?? '']) {
      expect(Array.from(text)).toHaveLength(500);
      expect(text.startsWith(`'"\\; DROP TABLE 👍`)).toBe(true);
    }
  });
});

describe('cancel, withdraw and end', () => {
  test('cancel is for the requester only; a grant is withdrawn by it', async () => {
    const pending = await bench.store.request(newApproval({ requester }));
    expect((await refusal(bench.store.cancel(pending.id, 'carol@example.com', ''))).message).toContain(
      'deny it instead',
    );
    expect(await bench.store.cancel(pending.id, requester, 'left')).toMatchObject({
      state: 'cancelled',
      endReason: 'left',
    });
    const granted = await grant(bench.store, { requester });
    expect(await bench.store.cancel(granted.id, requester, 'left')).toMatchObject({ state: 'withdrawn' });
    expect((await refusal(bench.store.cancel(granted.id, requester, 'left'))).code).toBe('conflict');
  });

  test('withdraw takes back a grant and nothing else', async () => {
    const granted = await grant(bench.store, { requester });
    expect(await bench.store.withdraw(granted.id, 'dave', 'wrong node')).toMatchObject({ state: 'withdrawn' });
    expect(bench.records.at(-1)).toMatchObject({
      kind: 'approval.ended',
      principal: 'dave',
      details: { event: 'withdraw' },
    });
    const pending = await bench.store.request(newApproval({ requester }));
    expect((await refusal(bench.store.withdraw(pending.id, 'dave', ''))).message).toContain(
      'is pending, not an unused grant',
    );
  });

  test.each(['ended', 'lost', 'revoked'] as const)('end leads from claimed to %s, once', async how => {
    const granted = await grant(bench.store, { requester });
    expect((await refusal(bench.store.end(granted.id, { how, why: '' }))).message).toContain('nothing runs on it');
    expect(await claim(bench.admin, granted)).toBeUndefined();
    expect(await bench.store.end(granted.id, { how, why: 'exit code 0' })).toMatchObject({
      state: how,
      endReason: 'exit code 0',
    });
    expect((await refusal(bench.store.end(granted.id, { how, why: '' }))).code).toBe('conflict');
  });
});

describe('list', () => {
  test('shows newest first, by state and requester, with what has lapsed as expired', async () => {
    const first = await bench.store.request(newApproval({ requester }));
    const second = await grant(bench.store, { requester });
    const third = await bench.store.request(newApproval({ requester }));
    await elapse(bench.admin, third.id, '1 hour');
    const ids = async (filter: { state?: string; limit?: number }): Promise<string[]> =>
      (await bench.store.list({ requester, ...filter })).map(approval => approval.id);
    expect(await ids({})).toEqual([third.id, second.id, first.id]);
    expect(await ids({ limit: 1 })).toEqual([third.id]);
    expect(await ids({ state: 'pending' })).toEqual([first.id]);
    expect(await ids({ state: 'expired' })).toEqual([third.id]);
    expect(await ids({ state: 'approved' })).toEqual([second.id]);
  });
});
