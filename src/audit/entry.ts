import type { AuditRecord } from '../core/audit-record.ts';
import type { Clock } from '../core/clock.ts';
import { encodeRecord } from './canonical.ts';

/** A record with the times at which it was handed over, and its encoding under the boot that will write it. */
export interface Entry {
  readonly record: AuditRecord;
  readonly time: number;
  readonly mono: number;
  encoded: string;
  readonly bytes: number;
}

/**
 * How a group waits. `outcome`: in room that was kept for it when its intent was taken in. `awaited`: somebody waits for it.
 * `stranger`: the same, for somebody who proved nothing. `unawaited`: nobody does, and it is dropped when its lane is full.
 * What is not awaited outlives an outage.
 */
export type Lane = 'outcome' | 'awaited' | 'stranger' | 'unawaited';

/** What a caller hands over as one: becomes durable in one commit, together with the claim when there is one. */
export interface Group {
  readonly entries: readonly Entry[];
  readonly claim: Claim | undefined;
  readonly bytes: number;
  readonly lane: Lane;
  /** True when nobody waits and a batch of its own would only be in the way: it may wait a little for company. */
  readonly patient: boolean;
  /** How the caller learned the end. `given-up`: told that it failed, although it may still land. */
  state: 'waiting' | 'given-up' | 'done';
  /** True once a batch with it may not share a commit with others: its content was refused in company. */
  alone: boolean;
  readonly settle: (error?: Error) => void;
}

/** The use of an approval that stands or falls with a group. */
export interface Claim {
  readonly approvalId: string;
  readonly binding: string;
  readonly requester: string;
}

/** Stamps and encodes a record now, so that batches only have to be put together. */
export function createEntry(record: AuditRecord, bootId: string, clock: Clock): Entry {
  const stamp = { time: clock.now(), mono: clock.monotonic() };
  const encoded = encodeRecord(record, { ...stamp, bootId });
  return { record, ...stamp, encoded, bytes: encoded.length };
}

/** Encodes an entry anew, for another boot. */
export function recode(entry: Entry, bootId: string): void {
  entry.encoded = encodeRecord(entry.record, { bootId, time: entry.time, mono: entry.mono });
}
