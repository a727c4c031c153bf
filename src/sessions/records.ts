import type { AuditKind, AuditRecord } from '../core/audit-record.ts';

/** Which session a record is about: one call on one node. */
export interface SessionFacts {
  /** The call's id, and the session's. */
  readonly id: string;
  readonly approvalId: string | undefined;
  /** Who is on the terminal. */
  readonly principal: string;
  readonly cluster: string;
  readonly node: string;
  /** What was approved, such as `debug/privileged`. */
  readonly resource: string;
  /** Its person has started it alone; every record of it says so. */
  readonly emergency: boolean;
}

/** Who did something to a session of somebody else, and from where. */
export type ActedFrom = Pick<
  AuditRecord,
  'principalKind' | 'groups' | 'proofs' | 'peerAddress' | 'peerPort' | 'userAgent' | 'method'
>;

/** A record about a session. `principal` is who acted: the person on the terminal, or who watched, killed or replayed. */
export function sessionRecord(
  kind: Extract<AuditKind, `session.${string}`>,
  facts: SessionFacts,
  details: NonNullable<AuditRecord['details']>,
  by?: { readonly principal: string; readonly action: string; readonly from: ActedFrom },
): AuditRecord {
  const marked = facts.emergency ? { ...details, emergency: true } : details;
  return {
    ...by?.from,
    kind,
    callId: facts.id,
    approvalId: facts.approvalId,
    principal: by?.principal ?? facts.principal,
    ...(by === undefined ? {} : { action: by.action, decision: 'allow' as const }),
    cluster: facts.cluster,
    node: facts.node,
    resource: facts.resource,
    details: by === undefined ? marked : { user: facts.principal, ...marked },
  };
}
