import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditRecord } from '../core/audit-record.ts';
import type { AuditLog } from './log.ts';

/** Records that nobody waits for and that must not get lost while the process lives. */
export interface SteadyRecorder {
  /** Takes the record in and tries until it is durable. */
  record(record: AuditRecord): void;
  /** Resolves when all are durable, at the latest after `limitMs`. */
  close(limitMs: number): Promise<void>;
}

/** More than these are not kept: whoever makes so many in an outage has other worries. */
const most = 256;

/** For what is rare and matters, such as a policy that came into force: a full queue only delays it. */
export function createSteadyRecorder(
  audit: Pick<AuditLog, 'enqueue'>,
  report: (problem: string, cause: unknown) => void,
  retryMs = 1_000,
): SteadyRecorder {
  const stop = new AbortController();
  const running = new Set<Promise<void>>();
  const untilDurable = async (record: AuditRecord): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        await audit.enqueue(record);
        return;
      } catch {
        await sleep(retryMs, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    }
    report(`a record (${record.kind}) was not durable at the end`, undefined);
  };
  return {
    record: record => {
      if (running.size >= most) {
        report(`a record (${record.kind}) was not kept: ${most} wait already`, undefined);
        return;
      }
      const written = untilDurable(record).finally(() => running.delete(written));
      running.add(written);
    },
    close: async limitMs => {
      const patience = new AbortController();
      const limit = sleep(limitMs, undefined, { signal: patience.signal }).catch(() => undefined);
      await Promise.race([Promise.all(running), limit]);
      patience.abort();
      stop.abort();
    },
  };
}
