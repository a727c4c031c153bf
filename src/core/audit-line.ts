import type { AuditFilter } from './audit-entry.ts';

/** One committed record as it leaves the log: the canonical bytes that count, and what stands beside them. */
export interface AuditLine {
  /** Position in the log, from 0, without gaps. What receivers drop duplicates by. */
  readonly index: number;
  /** RFC 6962 leaf hash of `body`, hex. */
  readonly leaf: string;
  /** True for an outcome that came when the call had another end already. The database's word, not in the body. */
  readonly late: boolean;
  /** The database's clock when the record was taken in, milliseconds since the epoch. Advisory. */
  readonly loggedAt: number;
  /** RFC 8785 JSON, exactly as it was hashed. */
  readonly body: string;
}

/** A stretch of the log that was read: the lines in it that match, and from where to go on. */
export interface AuditStretch {
  readonly lines: readonly AuditLine[];
  /** First index that was not looked at. */
  readonly next: number;
}

/** Where the log begins and ends for a reader. An empty log has `first` equal to `next`. */
export interface AuditBounds {
  /** Lowest index that is still there; what lay below was pruned. */
  readonly first: number;
  /** Index that the next record will get. */
  readonly next: number;
}

/** Reads the log in order of its index, in stretches that cost the same however little matches. */
export interface AuditScan {
  bounds(): Promise<AuditBounds>;
  /** Looks at a bounded stretch that begins at `from` and ends before `end` at the latest. Progress is certain while `from < end`. */
  read(from: number, end: number, filter: AuditFilter): Promise<AuditStretch>;
}
