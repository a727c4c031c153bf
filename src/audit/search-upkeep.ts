import { setTimeout as sleep } from 'node:timers/promises';
import type { Queryable } from '../db/query.ts';

const step = { name: 'audit.search.step', text: 'SELECT talosgate.audit_search_step() AS left' };

/** One segment takes a third of a second; a database that is busy with other things may take far longer. */
const stepMs = 60_000;

export interface SearchUpkeepSettings {
  /** Login with the rights of talosgate_writer. */
  readonly pool: Queryable;
  readonly log: { warn(fields: object, message: string): void };
  /** Time between two looks for a complete segment. Default 5,000 ms. */
  readonly everyMs?: number | undefined;
}

/**
 * Has the database make the search lists of each segment soon after it is complete. Every replica runs one; the database
 * lets one at a time do the work. Searches are right without it, only slower: what has no lists yet is read one by one.
 */
export function startSearchUpkeep(settings: SearchUpkeepSettings): { close(): Promise<void> } {
  const { pool, log, everyMs = 5_000 } = settings;
  const stop = new AbortController();
  const running = (async () => {
    while (!stop.signal.aborted) {
      const left = await pool
        .query<{ left: number }>(step, [], { timeoutMs: stepMs, signal: stop.signal })
        .then(rows => rows[0]?.left ?? 0)
        .catch((error: unknown) => {
          if (!stop.signal.aborted) log.warn({ err: error }, 'making the search lists failed, trying again');
          return 0;
        });
      if (left === 0) await sleep(everyMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  return {
    close: async () => {
      stop.abort();
      await running;
    },
  };
}
