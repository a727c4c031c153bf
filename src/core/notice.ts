import type { Approval } from './approval.ts';

/** What can happen to an approval that somebody may want to be told of. */
export const noticeKinds = [
  'requested',
  'voted',
  'approved',
  'claimed',
  'ended',
  'denied',
  'expired',
  'cancelled',
  'withdrawn',
  'revoked',
  'lost',
  'review-opened',
  'review-closed',
] as const;
export type NoticeKind = (typeof noticeKinds)[number];

/** One step of an approval. Written by the database in the transaction of the step, so there is none without the other. */
export interface Notice {
  /** Where it stands among all; hand the last one read to the next read. Compare for equality only. */
  readonly position: string;
  /** Unique, and stays the same however often it is read. */
  readonly id: string;
  readonly kind: NoticeKind;
  /** Milliseconds since the epoch, by the database's clock. */
  readonly at: number;
  /** Who and why, as far as the kind has that. Free text of people: to be escaped where it is shown. */
  readonly details: Readonly<Record<string, unknown>>;
  /** As it stands now, which may be further than the step. */
  readonly approval: Approval;
}

/** Where notices are taken from. */
export interface NoticeSource {
  /**
   * Notices after a position ('' is the beginning), in order, at most `limit` (500). None can appear later before one
   * that was read. One is readable as soon as every transaction that began before it has ended. Rejects with GateError
   * `audit-unavailable`.
   */
  noticesAfter(position: string, limit: number): Promise<readonly Notice[]>;
}
