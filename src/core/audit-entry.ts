import type { AuditRecord } from './audit-record.ts';

/** One committed record as readers see it. Everything of `record` comes from the canonical body, not from columns. */
export interface AuditEntry {
  /** Position in the log, from 0, without gaps. Decimal text: it may exceed what a number holds. */
  readonly index: string;
  readonly bootId: string;
  /** Counter of the writing process, from 1, without gaps. Decimal text. */
  readonly writerSequence: string;
  /** The gateway's clock, milliseconds since the epoch. */
  readonly time: number;
  /** SHA-256(0x00 || body), hex. */
  readonly leaf: string;
  /** True for an outcome that came when the call had another end in the log already. The database's word, not in the body. */
  readonly late?: boolean | undefined;
  readonly record: AuditRecord;
}

/** Which entries to read. Everything given must hold. Texts compare exactly unless they end in `*` (prefix). */
export interface AuditFilter {
  readonly kinds?: readonly string[] | undefined;
  /** Kinds to leave out. */
  readonly exceptKinds?: readonly string[] | undefined;
  readonly principal?: string | undefined;
  /** One of the caller's groups. */
  readonly group?: string | undefined;
  readonly cluster?: string | undefined;
  readonly node?: string | undefined;
  readonly method?: string | undefined;
  readonly action?: string | undefined;
  readonly risk?: string | undefined;
  readonly resource?: string | undefined;
  readonly decision?: string | undefined;
  readonly reason?: string | undefined;
  /** `policies/policy.csv:12`. */
  readonly rule?: string | undefined;
  /** gRPC status number of an outcome. */
  readonly grpcCode?: number | undefined;
  readonly endCause?: string | undefined;
  /** An address, or a network in CIDR notation. */
  readonly peer?: string | undefined;
  /** Exactly; no prefix. */
  readonly callId?: string | undefined;
  /** Exactly; no prefix. */
  readonly approvalId?: string | undefined;
  /** Keyed digests, any of which stands in the record in place of a value. */
  readonly digests?: readonly string[] | undefined;
  /** Milliseconds since the epoch, inclusive. */
  readonly since?: number | undefined;
  /** Milliseconds since the epoch, exclusive. */
  readonly until?: number | undefined;
}

/** How often each value occurs among the node calls of a time, most frequent first. */
export interface AuditStats {
  /** Calls that began, allowed or refused; a call to three nodes counts three times. */
  readonly calls: number;
  readonly who: readonly AuditCount[];
  readonly action: readonly AuditCount[];
  readonly decision: readonly AuditCount[];
  readonly node: readonly AuditCount[];
  /** How calls ended: number of the gRPC status, or `unknown` for those whose end nobody saw. */
  readonly outcome: readonly AuditCount[];
}

export interface AuditCount {
  readonly value: string;
  readonly count: number;
}

/** A page: newest first when reading `before`, oldest first when reading `after`. */
export interface AuditPage {
  readonly limit: number;
  readonly before?: string | undefined;
  readonly after?: string | undefined;
}

/** Reads the log. Every read through a door is itself recorded by that door. */
export interface AuditReader {
  list(filter: AuditFilter, page: AuditPage): Promise<readonly AuditEntry[]>;
  /**
   * All entries of one call and of the approvals it used, in log order, but chunks of its recording; empty when there are
   * none.
   */
  call(callId: string): Promise<readonly AuditEntry[]>;
  /** Counts over a time in milliseconds since the epoch, `until` exclusive. At most `top` values of each kind. */
  stats(since: number, until: number, top: number): Promise<AuditStats>;
  /** Entries after an index as they are committed, until the signal. */
  follow(after: string, filter: AuditFilter, signal: AbortSignal): AsyncIterable<AuditEntry>;
  /** Highest committed index, or undefined for an empty log. */
  last(): Promise<string | undefined>;
}
