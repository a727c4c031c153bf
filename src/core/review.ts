import type { Approval } from './approval.ts';

/** What an emergency start leaves behind until somebody else has looked at it. */
export interface Review {
  /** The emergency; its id is the review's. */
  readonly approval: Approval;
  readonly openedBy: string;
  /** Milliseconds since the epoch. */
  readonly openedAt: number;
  readonly closedBy: string | undefined;
  readonly closedAt: number | undefined;
  /** What the reviewer found, in words. */
  readonly finding: string | undefined;
}
