import type { AuditValue, Risk } from './method.ts';
import type { Proof } from './principal.ts';

/** Every kind of record in the log. See `docs/audit.md` for the life cycle. */
export const auditKinds = [
  'call.deny',
  'call.intent',
  'call.progress',
  'call.outcome',
  'call.unknown',
  'approval.requested',
  'approval.decided',
  'approval.claimed',
  'approval.ended',
  'review.opened',
  'review.closed',
  'session.started',
  'session.chunk',
  'session.watched',
  'session.replayed',
  'session.killed',
  'session.ended',
  'session.lost',
  'notification.delivered',
  'notification.failed',
  'policy.activated',
  'policy.refused',
  'fleet.changed',
  'audit.read',
  'audit.exported',
  'audit.sink',
  'audit.fork',
  'audit.hold-added',
  'audit.hold-removed',
  'audit.prune',
  'overload.summary',
  'auth.login',
  'auth.withdrawn',
  'boot.open',
  'boot.beat',
  'boot.close',
  'boot.lost',
] as const;
export type AuditKind = (typeof auditKinds)[number];

/** Who or what ended a call. `not-forwarded`: an intent was written, but nothing was sent to the node. */
export const endCauses = [
  'server',
  'client',
  'deadline',
  'gateway',
  'upstream-lost',
  'audit',
  'not-forwarded',
] as const;
export type EndCause = (typeof endCauses)[number];

/**
 * What a stage hands to the log. The log adds boot, counter and times, builds the canonical body and the leaf hash.
 * A call to several nodes gives one record per node, told apart by `leg`.
 */
export interface AuditRecord {
  readonly kind: AuditKind;
  readonly callId?: string | undefined;
  /** Position of the node among the targets of the call, from 0. */
  readonly leg?: number | undefined;
  readonly approvalId?: string | undefined;
  readonly principal?: string | undefined;
  readonly principalKind?: 'person' | 'machine' | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly proofs?: readonly Proof[] | undefined;
  readonly peerAddress?: string | undefined;
  readonly peerPort?: number | undefined;
  readonly userAgent?: string | undefined;
  /** gRPC path, or METHOD /path for the HTTP API. */
  readonly method?: string | undefined;
  readonly action?: string | undefined;
  readonly risk?: Risk | undefined;
  readonly resource?: string | undefined;
  readonly cluster?: string | undefined;
  readonly node?: string | undefined;
  /** Target as the caller spelled it, when it differs from `node` or leads nowhere. */
  readonly asked?: string | undefined;
  readonly decision?: 'allow' | 'approve' | 'deny' | undefined;
  readonly reason?: string | undefined;
  /** `policies/policy.csv:12`. */
  readonly rule?: string | undefined;
  readonly policyRevision?: string | undefined;
  /** SHA-256 over the canonical request, hex. */
  readonly requestDigest?: string | undefined;
  readonly request?: Readonly<Record<string, AuditValue>> | undefined;
  readonly talosRole?: string | undefined;
  readonly grpcCode?: number | undefined;
  /** Message of the status as the caller saw it, capped. */
  readonly grpcMessage?: string | undefined;
  readonly endCause?: EndCause | undefined;
  readonly requestBytes?: number | undefined;
  readonly requestMessages?: number | undefined;
  readonly responseBytes?: number | undefined;
  readonly responseMessages?: number | undefined;
  readonly durationUs?: number | undefined;
  /** Anything else that belongs to the kind (vote, reason, bounds, counters). Never a secret. */
  readonly details?: Readonly<Record<string, AuditValue>> | undefined;
}
