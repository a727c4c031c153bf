import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import type { RetentionDesk, RetentionStatus } from '../core/retention.ts';

/** How old the log has become and how much room lies ahead, as of a moment ago; for probes and metrics. */
export interface RetentionWatch {
  /** Undefined until the database has answered once. */
  status(): RetentionStatus | undefined;
  /** For a public page: names no record. */
  message(): string;
  close(): Promise<void>;
}

export interface RetentionWatchOptions {
  readonly desk: RetentionDesk;
  readonly clock: Clock;
  /** Takes what an operator should read. */
  readonly report: (problem: string) => void;
  /** Pause between two looks, milliseconds. Default 30,000. */
  readonly everyMs?: number | undefined;
}

/** Fewer whole partitions ahead than this is an alarm: the gateway makes more within seconds where it can. */
const fewest = 2;
const dayMs = 86_400_000;

/** Looks once, then every now and then until closed. Never takes anything out; a database that is away is no error here. */
export async function startRetentionWatch(options: RetentionWatchOptions): Promise<RetentionWatch> {
  const { desk, clock, report, everyMs = 30_000 } = options;
  const stop = new AbortController();
  let known: RetentionStatus | undefined;
  let scarce = 0;

  const look = async (): Promise<void> => {
    known = await desk.status(clock.now() - desk.limitMs);
    if (known.ahead >= fewest) {
      if (scarce > 1) report(`${known.ahead} partitions of the audit log lie ahead again`);
      scarce = 0;
      return;
    }
    scarce += 1;
    // At the second look: between the two the gateway had the time to make more.
    if (scarce !== 2) return;
    report(
      `only ${known.ahead} partitions of the audit log lie ahead and no more are made; when the last one is full, ` +
        'records cannot be written and calls are refused',
    );
  };
  const run = async (): Promise<void> => {
    const pause = async (): Promise<boolean> => await sleep(everyMs, true, { signal: stop.signal }).catch(() => false);
    while (await pause()) await look().catch(() => undefined);
  };

  await look().catch(() => undefined);
  const running = run();
  return {
    status: () => known,
    message: () => {
      if (known === undefined) return 'not known yet';
      const kept = `${Number((desk.limitMs / dayMs).toFixed(1))} d`;
      const old = known.over === 0 ? `no record is older than ${kept}` : `${known.over} records are older than ${kept}`;
      return known.ahead < fewest ? `${old}; only ${known.ahead} partitions lie ahead` : old;
    },
    close: async () => {
      stop.abort();
      await running;
    },
  };
}
