import { setTimeout as sleep } from 'node:timers/promises';
import { GateError } from '../core/gate-error.ts';
import type { SessionReader, SessionView, StoredChunk } from './reading.ts';

/** A recording as it is read: chunks in order, then how the session ended. Without `end` it runs still. */
export type ReplayItem =
  | { readonly kind: 'chunk'; readonly chunk: StoredChunk }
  | { readonly kind: 'end'; readonly as: 'ended' | 'lost'; readonly details: Readonly<Record<string, unknown>> };

export interface ReplayOptions {
  /** Goes on with what is recorded from now on, until the session ends. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
  /** Time between two looks while following, in milliseconds. Default 300. */
  readonly pollMs?: number | undefined;
}

/** Chunks that are in memory at a time: 4 MiB. */
const page = 64;

/**
 * Reads one recording by the log: the keys must be those that `session.started` names, every chunk the one that its record
 * names, and their number the one of `session.ended`. Rejects with GateError `denied` naming what is not so.
 */
export async function* replay(
  reader: SessionReader,
  view: SessionView,
  { follow, signal, pollMs = 300 }: ReplayOptions,
): AsyncGenerator<ReplayItem> {
  const { id } = view;
  const started = await reader.started(id);
  if (started === undefined) throw new GateError('denied', `session ${id}: the log has no start of it`);
  if (started.details?.['keys'] !== view.keysDigest) {
    throw new GateError('denied', `session ${id}: its keys are not those that were recorded`);
  }
  let after = '-1';
  let seq = 0;
  while (!signal.aborted) {
    // Asked before the chunks: nothing of the session comes into the log after its end.
    const end = await reader.end(id);
    for (;;) {
      const chunks = await reader.chunks(id, after, seq, page);
      for (const chunk of chunks) yield { kind: 'chunk', chunk };
      seq += chunks.length;
      after = chunks.at(-1)?.index ?? after;
      if (chunks.length < page) break;
    }
    if (end !== undefined) {
      const { details = {} } = end;
      const recorded = details['chunks'];
      if (typeof recorded === 'string' && recorded !== String(seq)) {
        throw new GateError('denied', `session ${id}: ${recorded} chunks were recorded, the log has ${seq}`);
      }
      yield { kind: 'end', as: end.kind === 'session.lost' ? 'lost' : 'ended', details };
      return;
    }
    if (!follow) return;
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
  }
}
