import type { Approval } from '../core/approval.ts';
import { GateError } from '../core/gate-error.ts';
import type { Review } from '../core/review.ts';
import type { ApprovalBody, ReviewBody } from './schemas.ts';

/** An approval as the JSON API shows it. */
export function toBody(approval: Approval): ApprovalBody {
  const { notBefore, endedAt, endedBy, endReason, quorum } = approval;
  return {
    id: approval.id,
    state: approval.state,
    requester: approval.requester,
    cluster: approval.cluster,
    node: approval.node,
    method: approval.method,
    action: approval.action,
    resource: approval.resource,
    binding: approval.binding,
    summary: { ...approval.summary },
    reason: approval.reason,
    created: time(approval.createdAt),
    expires: time(approval.expiresAt),
    ...(notBefore === undefined ? {} : { notBefore: time(notBefore) }),
    ...(endedAt === undefined ? {} : { ended: time(endedAt) }),
    ...(endedBy === '' ? {} : { endedBy }),
    ...(endReason === '' ? {} : { endReason }),
    needs: quorum.approvals.map(({ group, count }) => ({ ...(group === undefined ? {} : { group }), people: count })),
    denials: quorum.denials,
    decisionReason: approval.decisionReason,
    signedDecisions: approval.signedDecisions,
    emergency: approval.emergency,
    votes: approval.votes.map(({ by, verdict, reason, at, signature }) => ({
      ...{ by, verdict, reason, at: time(at) },
      ...(signature === undefined ? {} : { signature: { ...signature } }),
    })),
  };
}

/** A review as the JSON API shows it. */
export function toReviewBody({ approval, openedBy, openedAt, closedBy, closedAt, finding }: Review): ReviewBody {
  return {
    id: approval.id,
    state: closedAt === undefined ? 'open' : 'closed',
    openedBy,
    opened: time(openedAt),
    ...(closedBy === undefined ? {} : { closedBy }),
    ...(closedAt === undefined ? {} : { closed: time(closedAt) }),
    ...(finding === undefined ? {} : { finding }),
    approval: toBody(approval),
  };
}

/** What is said of an id that leads nowhere. */
export function noApproval(id: string): GateError {
  return new GateError('not-found', `no approval ${id.slice(0, 64)}; see: talosgate approvals list`);
}

function time(at: number): string {
  return new Date(at).toISOString();
}
