import type { Approval, ApprovalState, ApprovalVote } from '../core/approval.ts';
import { denialsMet, quorumMet, sameCaller, samePerson } from './quorum.ts';

// The rules of an approval's life without clock, database or words. The functions of the migrations hold
// to the same rules under concurrency; test/integration/approvals/agreement.test.ts drives both and compares.

/** What can happen to an approval. `at` is milliseconds since the epoch. */
export type ApprovalEvent =
  | { readonly kind: 'vote'; readonly vote: ApprovalVote }
  /** Its time ran out. */
  | { readonly kind: 'expire'; readonly at: number }
  /** The requester left or thought better of it. */
  | { readonly kind: 'cancel'; readonly by: string; readonly at: number }
  /** Somebody who may decide takes a grant back before it is used. */
  | { readonly kind: 'withdraw'; readonly by: string; readonly at: number }
  | {
      readonly kind: 'claim';
      readonly by: string;
      readonly binding: string;
      readonly callId: string;
      readonly at: number;
    }
  /** What was approved is over (`ended`), its gateway died (`lost`), or somebody stopped it (`revoked`). */
  | { readonly kind: 'end'; readonly how: 'ended' | 'lost' | 'revoked'; readonly at: number };

/** Why an event was not taken. Closed list; the database answers with the same names. */
export const approvalRefusals = [
  'not-found',
  'not-pending',
  'not-approved',
  'not-claimed',
  'lapsed',
  'not-lapsed',
  'own-request',
  'voted-already',
  'not-requester',
  'other-binding',
  'too-early',
  'reason-needed',
  'signature-needed',
  'bad-signature',
] as const;
export type ApprovalRefusal = (typeof approvalRefusals)[number];

export type ApprovalStep =
  | { readonly ok: true; readonly next: Approval }
  | { readonly ok: false; readonly reason: ApprovalRefusal };

/** True for a state that nothing can leave. */
export function isTerminal(state: ApprovalState): boolean {
  return state !== 'pending' && state !== 'approved' && state !== 'claimed';
}

/** Takes one event, or says why not. Never changes its input. */
export function step(approval: Approval, event: ApprovalEvent): ApprovalStep {
  switch (event.kind) {
    case 'vote':
      return vote(approval, event.vote);
    case 'expire':
      if (!isOpen(approval)) return refuse('not-pending');
      return event.at < approval.expiresAt ? refuse('not-lapsed') : end(approval, 'expired', event.at);
    case 'cancel':
      if (!isOpen(approval)) return refuse('not-pending');
      if (!sameCaller(event.by, approval.requester)) return refuse('not-requester');
      if (lapsed(approval, event.at)) return refuse('lapsed');
      return end(approval, approval.state === 'pending' ? 'cancelled' : 'withdrawn', event.at);
    case 'withdraw':
      if (approval.state !== 'approved') return refuse('not-approved');
      return lapsed(approval, event.at) ? refuse('lapsed') : end(approval, 'withdrawn', event.at);
    case 'claim':
      if (approval.state !== 'approved') return refuse('not-approved');
      if (lapsed(approval, event.at)) return refuse('lapsed');
      // The exact spelling here: the binding was made over it.
      if (event.by !== approval.requester) return refuse('not-requester');
      if (event.binding !== approval.binding) return refuse('other-binding');
      if (approval.notBefore !== undefined && event.at < approval.notBefore) return refuse('too-early');
      return { ok: true, next: { ...approval, state: 'claimed', claimedBy: event.callId } };
    case 'end':
      return approval.state === 'claimed' ? end(approval, event.how, event.at) : refuse('not-claimed');
  }
}

function vote(approval: Approval, cast: ApprovalVote): ApprovalStep {
  if (samePerson(cast.by, approval.requester)) return refuse('own-request');
  if (approval.state !== 'pending') return refuse('not-pending');
  if (lapsed(approval, cast.at)) return refuse('lapsed');
  if (approval.votes.some(earlier => samePerson(earlier.by, cast.by))) return refuse('voted-already');
  if (approval.decisionReason && cast.reason.trim() === '') return refuse('reason-needed');
  if (approval.signedDecisions && cast.signature === undefined) return refuse('signature-needed');
  const votes = [...approval.votes, cast];
  const counted = { ...approval, votes };
  if (denialsMet(approval.quorum, votes)) return end(counted, 'denied', cast.at);
  if (!quorumMet(approval.quorum, votes)) return { ok: true, next: counted };
  const usableFrom = Math.max(cast.at, approval.notBefore ?? 0);
  return { ok: true, next: { ...counted, state: 'approved', expiresAt: usableFrom + approval.claimWindowMs } };
}

function end(approval: Approval, state: ApprovalState, at: number): ApprovalStep {
  return { ok: true, next: { ...approval, state, endedAt: at } };
}

function refuse(reason: ApprovalRefusal): ApprovalStep {
  return { ok: false, reason };
}

function isOpen(approval: Approval): boolean {
  return approval.state === 'pending' || approval.state === 'approved';
}

function lapsed(approval: Approval, at: number): boolean {
  return at >= approval.expiresAt;
}
