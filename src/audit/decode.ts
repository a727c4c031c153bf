import type { AuditRecord } from '../core/audit-record.ts';

/** A canonical body, read back. */
export interface DecodedBody {
  readonly bootId: string;
  /** Position among the records of its boot, decimal. */
  readonly wseq: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly record: AuditRecord;
}

// Integers stand as strings in the body, because RFC 8785 can carry them exactly only up to 2^53.
const integers = new Set<string>([
  'leg',
  'peerPort',
  'grpcCode',
  'requestBytes',
  'requestMessages',
  'responseBytes',
  'responseMessages',
  'durationUs',
] satisfies (keyof AuditRecord)[]);

// What the log added to the record.
const own = new Set(['bootId', 'mono', 'time', 'v', 'wseq']);

/** Reads a body that this or an earlier version wrote. Members it does not know stay in the record as they are. */
export function decodeBody(body: string): DecodedBody {
  const members = JSON.parse(body) as Record<string, unknown>;
  const record = Object.entries(members)
    .filter(([name]) => !own.has(name))
    .map(([name, value]) => [name, integers.has(name) ? Number(value) : value]);
  return {
    bootId: String(members['bootId']),
    wseq: String(members['wseq']),
    time: Date.parse(String(members['time'])),
    record: Object.fromEntries(record) as AuditRecord,
  };
}
