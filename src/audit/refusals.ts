import type { AuditRecord } from '../core/audit-record.ts';
import type { Clock } from '../core/clock.ts';
import { DenialLimiter, type DenialLimits } from '../core/denial-limiter.ts';
import { type DenialCounts, DenialTally } from '../core/denial-tally.ts';
import { GateError } from '../core/gate-error.ts';
import { printable } from '../core/printable.ts';
import { sourcePrefix } from '../core/source-prefix.ts';
import type { AuditLog } from './log.ts';

/**
 * Refusals that must not cost a durable record each, because anybody can cause them. The first ones of each second are
 * recorded one by one; the others are counted, and the exact counts are recorded every ten seconds as `overload.summary`.
 */
export interface Refusals {
  /**
   * Records or counts the refusal of a caller who proved nothing. Resolves at once when it was counted. Rejects like
   * `AuditLog.append` when it was to be recorded and could not be, except that it counts what the log has no room for.
   */
  stranger(denial: AuditRecord): Promise<void>;
  /** Counts a refusal that will have no record of its own. */
  count(denial: AuditRecord): void;
  /** Hands the last counts to the log. To be called before the log is closed. */
  close(): void;
}

export interface RefusalSettings {
  readonly audit: Pick<AuditLog, 'append' | 'enqueue'>;
  readonly clock: Clock;
  readonly limits?: DenialLimits | undefined;
  /** Time between two summaries. Default 10,000 ms. */
  readonly everyMs?: number | undefined;
}

/** One for both doors, so that they share the limits. */
export function createRefusals({ audit, clock, limits, everyMs = 10_000 }: RefusalSettings): Refusals {
  const limiter = new DenialLimiter(clock, limits);
  const tally = new DenialTally(clock);
  let writing = false;

  const count = (denial: AuditRecord): void => {
    if (denial.principal === undefined) tally.countSource(sourcePrefix(denial.peerAddress ?? ''), reasonOf(denial));
    else tally.countPrincipal(printable(denial.principal, 80), reasonOf(denial));
  };

  const summarize = (): void => {
    const counts = tally.take();
    if (counts === undefined) return;
    writing = true;
    audit
      .enqueue(summaryOf(counts, clock.now()))
      .catch(() => tally.putBack(counts))
      .finally(() => {
        writing = false;
      });
  };
  // While one summary waits for Postgres, counts go on in memory instead of filling the queue with more of them.
  const timer = setInterval(() => {
    if (!writing) summarize();
  }, everyMs);
  timer.unref();

  return {
    stranger: async denial => {
      if (!limiter.admit(sourcePrefix(denial.peerAddress ?? ''))) {
        count(denial);
        return;
      }
      try {
        await audit.append([denial], { stranger: true });
      } catch (thrown) {
        // The one failure after which it certainly is not in the log.
        if (!(thrown instanceof GateError) || thrown.code !== 'overloaded') throw thrown;
        count(denial);
      }
    },
    count,
    close: () => {
      clearInterval(timer);
      summarize();
    },
  };
}

/** Why authentication failed, where that is what the refusal is about. */
function reasonOf({ reason = 'unknown', details }: AuditRecord): string {
  const failure = details?.['failure'];
  return typeof failure === 'string' ? failure : reason;
}

function summaryOf(counts: DenialCounts, now: number): AuditRecord {
  return {
    kind: 'overload.summary',
    decision: 'deny',
    details: {
      since: new Date(counts.since).toISOString(),
      until: new Date(now).toISOString(),
      total: String(counts.total),
      sources: lines(counts.sources),
      principals: lines(counts.principals),
    },
  };
}

function lines(counts: ReadonlyMap<string, number>): string[] {
  return [...counts].map(([key, n]) => `${key} ${n}`);
}
