import type { AuditRecord } from '../core/audit-record.ts';
import type { AuditLog } from './log.ts';

export interface HeartbeatSettings {
  readonly audit: Pick<AuditLog, 'enqueue' | 'health'>;
  /** What else is in force, for the record. */
  readonly details: () => NonNullable<AuditRecord['details']>;
  /** Default 60,000 ms. */
  readonly everyMs?: number | undefined;
}

/** Writes a `boot.beat` every minute, so that a quiet time can be told from one of which the records are gone. */
export function startHeartbeat({ audit, details, everyMs = 60_000 }: HeartbeatSettings): { close(): void } {
  const timer = setInterval(() => {
    const { queued, dropped = 0, reserved = 0 } = audit.health();
    const counts = { queued: String(queued), dropped: String(dropped), openCalls: String(reserved) };
    void audit.enqueue({ kind: 'boot.beat', details: { ...details(), ...counts } });
  }, everyMs);
  timer.unref();
  return { close: () => clearInterval(timer) };
}
