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

export interface ApprovalVote {
  readonly by: string;
  /** Groups that the voter's credential stated when they voted; what a quorum by group counts. */
  readonly groups: readonly string[];
  readonly verdict: 'approve' | 'deny';
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
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
  readonly createdAt: number;
  /** While pending: when the request lapses. When approved: until when it must be claimed. */
  readonly expiresAt: number;
  /** How long a grant may wait for its use once it is given, in milliseconds. */
  readonly claimWindowMs: number;
  readonly votes: readonly ApprovalVote[];
  /** Call that used the grant. */
  readonly claimedBy: string | undefined;
  /** Milliseconds since the epoch at which the last state was reached; undefined while the approval is open. */
  readonly endedAt: number | undefined;
  /** Why it ended, in words; '' while it is open or when nobody said. */
  readonly endReason: string;
}
