import type { AuditRecord } from '../core/audit-record.ts';

/**
 * Room kept for the outcomes of intents: one record for each intent that is queued, under way or open. Without it an intent
 * could become durable whose outcome nobody has room for.
 */
export class Reservations {
  readonly #open = new Map<string, number>();
  #bytes = 0;

  get records(): number {
    return this.#open.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps room for the outcome of an intent. Does nothing for any other record. */
  take(record: AuditRecord): void {
    const key = keyOf(record);
    if (record.kind !== 'call.intent' || key === undefined) return;
    const bytes = outcomeBytes(record);
    this.#bytes += bytes - (this.#open.get(key) ?? 0);
    this.#open.set(key, bytes);
  }

  /** True when room is kept for the outcome of this call and leg. */
  has(record: AuditRecord): boolean {
    const key = keyOf(record);
    return key !== undefined && this.#open.has(key);
  }

  /** Gives the room back: the outcome was taken in, or the intent will never be written. */
  release(record: AuditRecord): void {
    const key = keyOf(record);
    const bytes = key === undefined ? undefined : this.#open.get(key);
    if (key === undefined || bytes === undefined) return;
    this.#open.delete(key);
    this.#bytes -= bytes;
  }
}

/** Bytes to keep for the outcome of an intent; 0 for any other record. */
export function outcomeBytes(record: AuditRecord): number {
  if (record.kind !== 'call.intent') return 0;
  const { principal = '', method = '', resource = '', cluster = '', node = '' } = record;
  return ownBytes + principal.length + method.length + resource.length + cluster.length + node.length;
}

/** What an outcome has besides the names it shares with its intent: a status message of 512 characters, counters, times. */
const ownBytes = 1_536;

function keyOf({ callId, leg = 0 }: AuditRecord): string | undefined {
  return callId === undefined ? undefined : `${callId} ${leg}`;
}
