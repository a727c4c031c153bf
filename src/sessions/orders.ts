import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import type { Queryable } from '../db/query.ts';
import { orders } from './statements.ts';

/** Somebody's order to end a session. `reason` is free text of theirs. */
export interface Killed {
  readonly by: string;
  readonly reason: string;
}

export interface OrdersOptions {
  readonly clock: Clock;
  readonly database: Queryable;
  /** Sessions that run here. */
  readonly ids: () => readonly string[];
  readonly onKill: (id: string, killed: Killed) => void;
  /** The session must end, because others hold it for over or nobody could end it from outside any more. */
  readonly onOver: (id: string, error: GateError) => void;
  /** How long the database may be silent before every session ends, in milliseconds. */
  readonly patienceMs: number;
  /** Time between two looks, in milliseconds. Default 500. */
  readonly everyMs?: number | undefined;
}

interface Row {
  readonly id: string;
  readonly killed_by: string | null;
  readonly kill_reason: string | null;
  readonly ended_as: string | null;
}

/**
 * Looks twice a second whether somebody has ended one of the sessions that run here. A session that nobody could end from
 * outside ends by itself: when the database stays silent for too long, all of them do, whether they have anything to
 * record or not.
 */
export function watchOrders(options: OrdersOptions): { look(): void; close(): Promise<void> } {
  const { database, clock, ids, onKill, onOver, patienceMs, everyMs = 500 } = options;
  const stop = new AbortController();
  const told = new Set<string>();
  let wake = new AbortController();

  const look = async (signal: AbortSignal): Promise<void> => {
    const rows = await database.query<Row>(orders, [[...ids()]], { timeoutMs: 2_000, signal });
    for (const { id, killed_by, kill_reason, ended_as } of rows) {
      if (ended_as !== null) {
        onOver(id, new GateError('conflict', 'the session was declared lost while this gateway was silent'));
      } else if (killed_by !== null && !told.has(id)) {
        told.add(id);
        onKill(id, { by: killed_by, reason: kill_reason ?? '' });
      }
    }
  };

  let deadline: NodeJS.Timeout | undefined;
  const heard = (since: number): void => {
    clearTimeout(deadline);
    deadline = setTimeout(giveUp, Math.max(0, patienceMs - (clock.monotonic() - since) / 1000));
  };
  const giveUp = (): void => {
    const message = 'the database cannot be reached, so this session was ended; run the same again later';
    for (const id of ids()) onOver(id, new GateError('audit-unavailable', message));
  };

  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const mine = ids();
      for (const id of told) if (!mine.includes(id)) told.delete(id);
      if (mine.length === 0) {
        clearTimeout(deadline);
        deadline = undefined;
        await sleep(60_000, undefined, { signal: AbortSignal.any([stop.signal, wake.signal]) }).catch(() => undefined);
        wake = new AbortController();
        continue;
      }
      const begun = clock.monotonic();
      if (deadline === undefined) heard(begun);
      try {
        await look(stop.signal);
        heard(begun);
      } catch {
        // The deadline goes on running.
      }
      await sleep(everyMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
    clearTimeout(deadline);
  };
  const running = run();

  return {
    look: () => wake.abort(),
    close: async () => {
      stop.abort();
      await running;
    },
  };
}
