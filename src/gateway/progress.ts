import type { AuditLog } from '../audit/log.ts';
import type { Clock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import { outcomeRecord } from './call-records.ts';
import { endCall, type RunningCall, type RunningCalls } from './calls.ts';

export interface ProgressSettings {
  readonly calls: Pick<RunningCalls, 'each'>;
  readonly audit: Pick<AuditLog, 'enqueue' | 'health'>;
  readonly clock: Clock;
  /** How long a call runs before its first record of progress, and between two. Default 60,000 ms. */
  readonly everyMs?: number | undefined;
  /** How long the log may be away before calls that read are ended, and before shells are. Default 30,000 and 10,000 ms. */
  readonly readAwayMs?: number | undefined;
  readonly shellAwayMs?: number | undefined;
  /** Time between two looks. Default 1,000 ms. */
  readonly lookMs?: number | undefined;
}

/**
 * Watches calls that last. Those that run for long leave a `call.progress` every minute, so that a stream of hours is more
 * than two records. Those that go on while the log is away for too long are ended, because nobody could say later what they
 * showed; calls that change something are left to end by themselves, half of one would be worse.
 */
export function startProgress(settings: ProgressSettings): { close(): void } {
  const { calls, audit, clock, everyMs = 60_000, readAwayMs = 30_000, shellAwayMs = 10_000 } = settings;
  const look = (): void => {
    const now = clock.monotonic();
    const { awayMs = 0 } = audit.health();
    for (const call of calls.each()) {
      if (call.openLegs.size === 0) continue;
      const limit = call.facts?.risk === 'read' ? readAwayMs : call.method?.risk === 'shell' ? shellAwayMs : Infinity;
      if (awayMs > limit) endCall(call, awayError(limit));
      else tellProgress(call, now);
    }
  };
  const tellProgress = (call: RunningCall, now: number): void => {
    const durationUs = now - call.incoming.receivedMonotonic;
    for (const flow of call.flows) {
      if (
        !call.openLegs.has(flow.leg.index) ||
        now - Math.max(flow.toldAt, call.incoming.receivedMonotonic) < everyMs * 1000
      )
        continue;
      flow.toldAt = now;
      const { requestBytes, requestMessages, responseBytes, responseMessages } = flow.counts();
      const counts = { requestBytes, requestMessages, responseBytes, responseMessages };
      const { callId, leg, approvalId, principal, method, action, risk, resource, cluster, node } = outcomeRecord(
        call,
        flow.leg,
        { ...counts, status: { code: 0, message: '' }, endCause: 'server', forwarded: true },
        durationUs,
      );
      const who = { callId, leg, approvalId, principal, method, action, risk, resource, cluster, node };
      void audit.enqueue({ kind: 'call.progress', ...who, ...counts, durationUs }, { patient: true });
    }
  };
  const timer = setInterval(look, settings.lookMs ?? 1_000);
  timer.unref();
  return { close: () => clearInterval(timer) };
}

function awayError(limitMs: number): GateError {
  const message = `the audit log has been away for ${limitMs / 1000} s, so this was ended; run the same again shortly`;
  return new GateError('audit-unavailable', message);
}
