import fc from 'fast-check';
import type { ApprovalEvent } from '../../src/approvals/states.ts';
import type { Approval } from '../../src/core/approval.ts';
import { onePerson } from '../../src/core/approval-terms.ts';

/** A pending request by bob, raised at 0, that lapses after an hour; `over` replaces what a test is about. */
export function approvalOf(over: Partial<Approval> = {}): Approval {
  return {
    id: 'dbg-7k3f9',
    state: 'pending',
    requester: 'bob',
    cluster: 'prod',
    node: 'worker-1',
    method: '/machine.DebugService/ContainerRun',
    action: 'debug.run',
    resource: 'debug/privileged',
    binding: 'a'.repeat(64),
    summary: {},
    reason: 'fix stuck kubelet',
    quorum: onePerson,
    decisionReason: false,
    signedDecisions: false,
    notBefore: undefined,
    sessionMs: undefined,
    createdAt: 0,
    expiresAt: 3_600_000,
    claimWindowMs: 1_800_000,
    votes: [],
    claimedBy: undefined,
    endedAt: undefined,
    endReason: '',
    endedBy: '',
    emergency: false,
    ...over,
  };
}

/** Any event by anybody, mostly in time: likely enough to be taken that orders of several are reached. */
export function arbitraryEvent(): fc.Arbitrary<ApprovalEvent> {
  const { binding, requester, expiresAt } = approvalOf();
  const person = fc.constantFrom(requester, 'carol', 'dave', 'Carol', 'BOB', 'machine:bob', 'machine:carol');
  const at = fc.oneof({ weight: 9, arbitrary: fc.nat(60_000) }, { weight: 1, arbitrary: fc.constant(expiresAt * 2) });
  return fc.oneof(
    fc
      .record({ by: person, verdict: fc.constantFrom('approve' as const, 'approve' as const, 'deny' as const), at })
      .map(vote => ({
        kind: 'vote' as const,
        vote: { ...vote, groups: [], reason: '' },
      })),
    fc.record({ kind: fc.constant('expire' as const), at }),
    fc.record({ kind: fc.constant('cancel' as const), by: person, at }),
    fc.record({ kind: fc.constant('withdraw' as const), by: person, at }),
    fc.record({
      kind: fc.constant('claim' as const),
      by: fc.constantFrom(requester, requester, 'carol'),
      binding: fc.constantFrom(binding, binding, 'b'.repeat(64)),
      callId: fc.uuid(),
      at,
    }),
    fc.record({
      kind: fc.constant('end' as const),
      how: fc.constantFrom('ended' as const, 'lost' as const, 'revoked' as const),
      at,
    }),
  );
}
