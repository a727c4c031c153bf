/** What could be taken out of the log, in whole partitions from its beginning. Indexes; times in milliseconds since the epoch. */
export interface PrunePlan {
  /** Lowest index that is there now. */
  readonly first: number;
  /** Lowest index that would be there then; equal to `first` when nothing can go. */
  readonly minimum: number;
  /** When the database took in the first and the last of the records that would go. */
  readonly firstAt: number | undefined;
  readonly lastAt: number | undefined;
  /** Whole partitions that lie ahead of the one being filled. */
  readonly ahead: number;
  /** Why they may not go: a hold, a receiver that has not got them, a call without an end. */
  readonly obstacle: string | undefined;
  /** Origin, size and root, with spaces between, of the first checkpoint over what would go; undefined where there is none. */
  readonly checkpoint: string | undefined;
}

/** An order to keep everything from an index on. */
export interface LegalHold {
  readonly name: string;
  readonly from: number;
  readonly reason: string;
  readonly by: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** How old the log has become. Indexes; times in milliseconds since the epoch. */
export interface RetentionStatus {
  /** Lowest index that is there; equal to `size` when there is none. */
  readonly first: number;
  /** Index after the newest record. */
  readonly size: number;
  /** Records that were taken in before the time asked about. */
  readonly over: number;
  /** When the database took in the lowest one. */
  readonly oldestAt: number | undefined;
  /** Whole partitions that lie ahead of the one being filled. */
  readonly ahead: number;
}

/** Retention as far as the gateway goes: it plans and records, and cannot take anything out. */
export interface RetentionDesk {
  /** How long records are meant to be kept, milliseconds. Nothing goes by itself when it is over. */
  readonly limitMs: number;
  /** What was taken in before the time, and how many partitions are left. */
  status(before: number): Promise<RetentionStatus>;
  /** Records below the index, or taken in before the time, whichever is given. */
  plan(before: { readonly index: number } | { readonly time: number }): Promise<PrunePlan>;
  holds(): Promise<readonly LegalHold[]>;
  /** False when there is, or was, a hold of this name. */
  addHold(hold: {
    readonly name: string;
    readonly from: number;
    readonly reason: string;
    readonly by: string;
  }): Promise<boolean>;
  /** False when no such hold stands. */
  removeHold(name: string, by: string): Promise<boolean>;
}
