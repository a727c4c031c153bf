import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { quorumMet, samePerson } from '../../../src/approvals/quorum.ts';
import { type ApprovalEvent, isTerminal, step } from '../../../src/approvals/states.ts';
import type { Approval, ApprovalVote } from '../../../src/core/approval.ts';
import { approvalStates } from '../../../src/core/approval.ts';
import { approvalOf, arbitraryEvent } from '../../support/approvals.ts';

const approve = (by: string, at = 1_000, groups: string[] = []): ApprovalEvent => ({
  kind: 'vote',
  vote: { by, groups, verdict: 'approve', reason: 'ok', at },
});
const deny = (by: string, at = 1_000): ApprovalEvent => ({
  kind: 'vote',
  vote: { by, groups: [], verdict: 'deny', reason: 'no', at },
});
const claim = (over: Partial<Extract<ApprovalEvent, { kind: 'claim' }>> = {}): ApprovalEvent => ({
  kind: 'claim',
  by: 'bob',
  binding: approvalOf().binding,
  callId: 'call-1',
  at: 2_000,
  ...over,
});

/** Takes events in order; throws when one that should be taken is refused. */
function after(...events: ApprovalEvent[]): Approval {
  return events.reduce((approval, event) => {
    const taken = step(approval, event);
    if (!taken.ok) throw new Error(`${event.kind}: ${taken.reason}`);
    return taken.next;
  }, approvalOf());
}

describe('step', () => {
  test('walks from pending over approved and claimed to ended', () => {
    const approved = after(approve('carol', 1_000));
    expect(approved).toMatchObject({ state: 'approved', expiresAt: 1_000 + approvalOf().claimWindowMs });
    expect(after(approve('carol'), claim())).toMatchObject({ state: 'claimed', claimedBy: 'call-1' });
    for (const how of ['ended', 'lost', 'revoked'] as const) {
      expect(after(approve('carol'), claim(), { kind: 'end', how, at: 3_000 })).toMatchObject({
        state: how,
        endedAt: 3_000,
      });
    }
  });

  test.each([
    ['its own requester', approve('bob'), 'own-request'],
    ['its requester in other letters', approve('BOB'), 'own-request'],
    ['a denial by its requester', deny('bob'), 'own-request'],
    ['a vote in the very millisecond it lapses', approve('carol', approvalOf().expiresAt), 'lapsed'],
    ['a claim before any vote', claim(), 'not-approved'],
    ['a cancellation by somebody else', { kind: 'cancel', by: 'carol', at: 1 }, 'not-requester'],
    ['withdrawal of what was not granted', { kind: 'withdraw', by: 'carol', at: 1 }, 'not-approved'],
    ['expiry before its time', { kind: 'expire', at: approvalOf().expiresAt - 1 }, 'not-lapsed'],
    ['an end without a beginning', { kind: 'end', how: 'ended', at: 1 }, 'not-claimed'],
  ] as const)('refuses on a pending request %s', (_, event, reason) => {
    expect(step(approvalOf(), event)).toEqual({ ok: false, reason });
  });

  test.each([
    ['a claim by somebody else', claim({ by: 'mallory' }), 'not-requester'],
    ['a claim by the requester in other letters', claim({ by: 'Bob' }), 'not-requester'],
    ['a claim for another request', claim({ binding: 'f'.repeat(64) }), 'other-binding'],
    ['a claim in the very millisecond it lapses', claim({ at: 1_000 + approvalOf().claimWindowMs }), 'lapsed'],
    ['another vote', deny('dave'), 'not-pending'],
  ] as const)('refuses on a grant %s', (_, event, reason) => {
    expect(step(after(approve('carol')), event)).toEqual({ ok: false, reason });
  });

  test('takes a cancellation back to the requester: a request is cancelled, a grant withdrawn', () => {
    const leave: ApprovalEvent = { kind: 'cancel', by: 'bob', at: 1_500 };
    expect(after(leave).state).toBe('cancelled');
    expect(after(approve('carol'), leave).state).toBe('withdrawn');
    expect(after(approve('carol'), { kind: 'withdraw', by: 'dave', at: 1_500 }).state).toBe('withdrawn');
  });

  test('counts a person once, in whatever letters', () => {
    const two = approvalOf({ quorum: { approvals: [{ group: undefined, count: 2 }], denials: 1 } });
    const first = step(two, approve('carol'));
    expect(first).toMatchObject({ ok: true, next: { state: 'pending' } });
    if (!first.ok) return;
    expect(step(first.next, approve('Carol'))).toEqual({ ok: false, reason: 'voted-already' });
    expect(step(first.next, approve('dave'))).toMatchObject({ ok: true, next: { state: 'approved' } });
  });

  test('ends a request at its denial threshold and not before', () => {
    const two = approvalOf({ quorum: { approvals: [{ group: undefined, count: 1 }], denials: 2 } });
    const first = step(two, deny('carol'));
    expect(first).toMatchObject({ ok: true, next: { state: 'pending' } });
    if (first.ok) expect(step(first.next, deny('dave'))).toMatchObject({ ok: true, next: { state: 'denied' } });
  });

  test('keeps its promises over all orders of events', () => {
    fc.assert(
      fc.property(fc.array(arbitraryEvent(), { maxLength: 12 }), events => {
        let approval = approvalOf();
        let claims = 0;
        for (const event of events) {
          const before = structuredClone(approval);
          const taken = step(approval, event);
          expect(approval).toEqual(before);
          if (!taken.ok) continue;
          expect(isTerminal(approval.state)).toBe(false);
          if (event.kind === 'claim') claims += 1;
          if (taken.next.state === 'claimed') {
            expect(quorumMet(taken.next.quorum, taken.next.votes)).toBe(true);
            expect(taken.next.claimedBy).toBeDefined();
          }
          expect(taken.next.votes.slice(0, approval.votes.length)).toEqual(approval.votes);
          if (taken.next.votes.length > approval.votes.length) expect(approval.state).toBe('pending');
          approval = taken.next;
        }
        expect(claims).toBeLessThanOrEqual(1);
        expect(approval.votes.some(vote => samePerson(vote.by, approval.requester))).toBe(false);
        const names = approval.votes.map((vote: ApprovalVote) => vote.by.toLowerCase());
        expect(new Set(names).size).toBe(names.length);
      }),
      { numRuns: 1_000 },
    );
  });

  test('reaches every state by some order of events', () => {
    const reached = [
      after(),
      after(approve('carol')),
      after(deny('carol')),
      after({ kind: 'expire', at: approvalOf().expiresAt }),
      after({ kind: 'cancel', by: 'bob', at: 1_500 }),
      after(approve('carol'), { kind: 'withdraw', by: 'dave', at: 1_500 }),
      after(approve('carol'), claim()),
      ...(['ended', 'lost', 'revoked'] as const).map(how =>
        after(approve('carol'), claim(), { kind: 'end', how, at: 3_000 }),
      ),
    ];
    expect(reached.map(one => one.state).sort()).toEqual([...approvalStates].sort());
  });

  test('never makes a claimed state out of anything but an approved one', () => {
    fc.assert(
      fc.property(fc.constantFrom(...approvalStates), arbitraryEvent(), (state, event) => {
        const taken = step(
          approvalOf({ state, votes: [{ by: 'x', groups: [], verdict: 'approve', reason: '', at: 0 }] }),
          event,
        );
        if (taken.ok && taken.next.state === 'claimed') expect(state).toBe('approved');
        if (isTerminal(state)) expect(taken.ok).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });
});
