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
  readonly verdict: 'approve' | 'deny';
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
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
  readonly createdAt: number;
  /** While pending: when the request lapses. When approved: until when it must be claimed. */
  readonly expiresAt: number;
  readonly votes: readonly ApprovalVote[];
  readonly claimedBy: string | undefined;
}
