import type { AuditRecord } from './audit-record.ts';

/** States of an approval; `approvals.md` section 3 has the picture. */
export const approvalStates = [
  'pending',
  'approved',
  'claimed',
  'ended',
  'denied',
  'expired',
  'cancelled',
  'withdrawn',
  'revoked',
  'lost',
] as const;
export type ApprovalState = (typeof approvalStates)[number];

/** A voter's own signature over the statement of `decision-statement.ts`. */
export interface VoteSignature {
  /** Base64. */
  readonly value: string;
  /** SubjectPublicKeyInfo, DER, base64. */
  readonly publicKey: string;
  /** SHA-256 over the public key, hex: the fingerprint that the voter's proof of identity carries. */
  readonly fingerprint: string;
}

export interface ApprovalVote {
  readonly by: string;
  /** Groups that the voter's credential stated when they voted; what a quorum by group counts. */
  readonly groups: readonly string[];
  readonly verdict: 'approve' | 'deny';
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly signature?: VoteSignature | undefined;
}

/** So many people of one group; `undefined` is anybody who may decide. */
export interface ApprovalNeed {
  readonly group: string | undefined;
  readonly count: number;
}

/** How many have to agree, and how many denials end a request. Nobody is counted for two needs at once. */
export interface ApprovalQuorum {
  readonly approvals: readonly ApprovalNeed[];
  readonly denials: number;
}

/** One request for a second person's agreement, bound to an exact call. */
export interface Approval {
  /** Short, sayable, unique: `dbg-7k3f9`. */
  readonly id: string;
  readonly state: ApprovalState;
  readonly requester: string;
  readonly cluster: string;
  readonly node: string;
  readonly method: string;
  readonly action: string;
  readonly resource: string;
  /** SHA-256 over requester, cluster, node, method and canonical request, hex. What an approval binds. */
  readonly binding: string;
  /** What the approver is shown: the audit summary of the request. */
  readonly summary: Readonly<Record<string, unknown>>;
  readonly reason: string;
  readonly quorum: ApprovalQuorum;
  /** True where who decides has to say why. */
  readonly decisionReason: boolean;
  /** True where only decisions count that are signed with the key of a client certificate. */
  readonly signedDecisions: boolean;
  readonly createdAt: number;
  /** Milliseconds since the epoch before which the grant cannot be used. */
  readonly notBefore: number | undefined;
  /** While pending: when the request lapses. When approved: until when it must be claimed. */
  readonly expiresAt: number;
  /** How long a grant may wait for its use once it is given, in milliseconds. */
  readonly claimWindowMs: number;
  /** Longest that what runs on the grant may last, in milliseconds; undefined: as configured. */
  readonly sessionMs: number | undefined;
  readonly votes: readonly ApprovalVote[];
  /** Call that used the grant. */
  readonly claimedBy: string | undefined;
  /** Milliseconds since the epoch at which the last state was reached; undefined while the approval is open. */
  readonly endedAt: number | undefined;
  /** Why it ended, in words; '' while it is open or when nobody said. */
  readonly endReason: string;
  /** Who denied it, took it back or stopped what ran on it; '' where it came to its end by itself. */
  readonly endedBy: string;
  /** Granted to its requester alone, under a review that somebody else has to close. */
  readonly emergency: boolean;
}

/**
 * Ends what runs on a claimed grant, on whichever replica it runs, within two seconds. Whether `by` may is policy's
 * question, asked before. Rejects with GateError `conflict` when nothing runs on it, `not-found`, `audit-unavailable`.
 */
export type RevokeGrant = (
  id: string,
  by: string,
  why: string,
  from?: Pick<AuditRecord, 'callId' | 'principalKind' | 'groups' | 'proofs' | 'peerAddress' | 'peerPort' | 'userAgent'>,
) => Promise<Approval>;
