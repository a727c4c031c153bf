import { setTimeout as sleep } from 'node:timers/promises';
import type { ActedFrom } from '../approvals/records.ts';
import type { ApprovalStore } from '../approvals/store.ts';
import { GateError } from '../core/gate-error.ts';

/** Sees to it that a grant does not read as in use when what ran on it is over. */
export interface GrantEnds {
  /** What ran on the grant is over. Nobody waits; tried again until it is on record, or ended by somebody else. */
  add(id: string, why: string, from: ActedFrom): void;
  /** Resolves when all are on record, at the latest after `limitMs`. What is left then is found by `endOrphans`. */
  drain(limitMs: number): Promise<void>;
}

export interface GrantEndSettings {
  readonly end: ApprovalStore['end'];
  /** Takes what an operator should read: once for each grant that could not be ended at the first try. */
  readonly report: (thrown: unknown, callId: string) => void;
  /** First pause between two tries, doubled up to five seconds. Default 100 ms. */
  readonly retryMs?: number | undefined;
}

const longestPauseMs = 5_000;

/** One for the process. Holds one entry for each grant in use, of which there are as many as people agreed to. */
export function createGrantEnds({ end, report, retryMs = 100 }: GrantEndSettings): GrantEnds {
  const stop = new AbortController();
  const running = new Set<Promise<void>>();

  const untilEnded = async (id: string, why: string, from: ActedFrom): Promise<void> => {
    for (let pause = retryMs; !stop.signal.aborted; pause = Math.min(2 * pause, longestPauseMs)) {
      try {
        await end(id, { how: 'ended', why }, from);
        return;
      } catch (thrown) {
        const { code } = GateError.from(thrown);
        // Revoked or lost before, or claimed in a transaction that was rolled back: nothing is left to end.
        if (code === 'conflict' || code === 'not-found') return;
        if (pause === retryMs) report(thrown, from.callId ?? '');
        await sleep(pause, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    }
  };

  return {
    add: (id, why, from) => {
      const ended = untilEnded(id, why, from).finally(() => running.delete(ended));
      running.add(ended);
    },
    drain: async limitMs => {
      const patience = new AbortController();
      const limit = sleep(limitMs, undefined, { signal: patience.signal }).catch(() => undefined);
      await Promise.race([Promise.all(running), limit]);
      patience.abort();
      stop.abort();
    },
  };
}
