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
