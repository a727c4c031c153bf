import type { Approval } from '../core/approval.ts';
import type { AuditKind, AuditRecord } from '../core/audit-record.ts';

/** Who acted and from where, as the door knows it; goes into the record beside what the approval says. */
export type ActedFrom = Pick<
  AuditRecord,
  'callId' | 'principalKind' | 'groups' | 'proofs' | 'peerAddress' | 'peerPort' | 'userAgent'
>;

/** What every record about an approval says; `principal` is who acted, not who asked. */
export function approvalRecord(
  kind: Extract<AuditKind, `approval.${string}` | `review.${string}`>,
  approval: Pick<Approval, 'id' | 'cluster' | 'node' | 'method' | 'action' | 'resource' | 'requester' | 'binding'> &
    Partial<Pick<Approval, 'emergency'>>,
  principal: string | undefined,
  details: NonNullable<AuditRecord['details']>,
  from: ActedFrom = {},
): AuditRecord {
  return {
    ...from,
    kind,
    approvalId: approval.id,
    principal,
    method: approval.method,
    action: approval.action,
    resource: approval.resource,
    cluster: approval.cluster,
    node: approval.node,
    details: {
      requester: approval.requester,
      binding: approval.binding,
      ...(approval.emergency === true ? { emergency: true } : {}),
      ...details,
    },
  };
}

/** The record of a use, to be appended in the same batch as the intent of the call that uses it. */
export function claimedRecord(approval: Approval, callId: string, from: ActedFrom = {}): AuditRecord {
  const approvers = approval.votes.filter(vote => vote.verdict === 'approve').map(vote => vote.by);
  return approvalRecord('approval.claimed', approval, approval.requester, { approvers }, { ...from, callId });
}
