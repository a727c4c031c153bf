import type { EndCause } from '../core/audit-record.ts';
import type { Clock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';

export interface CallLimits {
  /** Milliseconds since the epoch. */
  readonly deadline?: number | undefined;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/** Longest delay that a Node timer takes; a later deadline is left to the node, which is told it too. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * Calls `onOver` when the caller's deadline passes or the gateway aborts the call, at once if that has happened.
 * Returns what stops watching.
 */
export function watchDeadline(limits: CallLimits, onOver: (error: GateError, cause: EndCause) => void): () => void {
  const { deadline, clock, signal } = limits;
  if (signal?.aborted === true) {
    const error = GateError.from(signal.reason);
    onOver(error, causeOf(error));
    return nothing;
  }
  const left = deadline === undefined ? undefined : deadline - clock.now();
  if (left === undefined && signal === undefined) return nothing;
  if (left !== undefined && left <= 0) {
    onOver(deadlineError(), 'deadline');
    return nothing;
  }
  const timer =
    left === undefined || left > longestTimerMs
      ? undefined
      : setTimeout(() => {
          onOver(deadlineError(), 'deadline');
        }, left);
  const onAbort = (): void => {
    const error = GateError.from(signal?.reason);
    onOver(error, causeOf(error));
  };
  signal?.addEventListener('abort', onAbort);
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  };
}

/** Who is behind an end that comes from the gateway's side. */
function causeOf(error: GateError): EndCause {
  return error.code === 'audit-unavailable' ? 'audit' : 'gateway';
}

function deadlineError(): GateError {
  return new GateError('deadline-exceeded', 'the deadline of the call has passed');
}

function nothing(): void {
  // There was nothing to watch.
}
