import type { AuditLine } from '../core/audit-line.ts';

/**
 * What became of a batch. `away`: try the same again later, because of the network, the receiver's state or its
 * credentials. `refused`: the receiver will not take this batch whatever the time, because of what is in it.
 */
export type Delivery =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly failure: 'away' | 'refused';
      /** Safe for the process log: nothing that came from the receiver or out of a record. */
      readonly why: string;
      /** How long the receiver asks to be left alone, milliseconds. */
      readonly retryAfterMs?: number | undefined;
    };

/** One way to one receiver. Batches go one after the other; nothing else waits for them. */
export interface Sink {
  /** Most records and most bytes of bodies in one batch. */
  readonly batch: { readonly records: number; readonly bytes: number };
  /**
   * Gives a batch, never empty, to the receiver. `ok` only once the receiver has taken all of it. Never rejects and never takes
   * much longer than its timeout; gives up when the signal fires.
   */
  deliver(lines: readonly AuditLine[], signal: AbortSignal): Promise<Delivery>;
  /** Lets go of connections and files. */
  close(): Promise<void>;
}

export const delivered: Delivery = { ok: true };

/** Turns what was thrown on the way into a delivery that may be tried again. */
export function away(thrown: unknown): Delivery {
  const code = thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return {
    ok: false,
    failure: 'away',
    why: code === undefined ? text.slice(0, 200) : `${code}: ${text.slice(0, 200)}`,
  };
}
