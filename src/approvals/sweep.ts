import { setTimeout as sleep } from 'node:timers/promises';
import type { ApprovalStore } from './store.ts';

/**
 * Lets lapsed requests and grants end in the books, every `everyMs`. They count for nothing before that already; this
 * makes the record. Every replica may run one. A failure goes to `onError` and is tried again. `close` waits for the
 * turn under way.
 */
export function startSweep(
  store: Pick<ApprovalStore, 'expire'>,
  onError: (error: unknown) => void,
  everyMs = 10_000,
): { close(): Promise<void> } {
  const stop = new AbortController();
  const running = sweep(store, onError, everyMs, stop.signal);
  return {
    close: async () => {
      stop.abort();
      await running;
    },
  };
}

async function sweep(
  store: Pick<ApprovalStore, 'expire'>,
  onError: (error: unknown) => void,
  everyMs: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await store.expire().catch(onError);
    await sleep(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
}
