import { parseDebugOutput } from '../catalog/debug-stream.ts';
import type { AuditRecord } from '../core/audit-record.ts';
import { GateError } from '../core/gate-error.ts';
import { grpcCodes } from '../core/grpc.ts';
import type { RelayResult } from '../core/relay-result.ts';
import type { RunningCall } from './calls.ts';
import { endShell } from './held-debug.ts';
import type { SessionLimits } from './session-limits.ts';

/** Watches a debug stream while it is relayed. Call `over` in every case. */
export interface ShellSession {
  readonly onRequest: (payload: Buffer) => void;
  readonly onReply: (payload: Buffer) => void;
  /** The outcome as people see it: a caller who leaves after the exit code has ended normally. */
  settle(result: RelayResult): RelayResult;
  details(): AuditRecord['details'];
  over(result: RelayResult): void;
}

/**
 * Ends a shell that lasts too long or is left alone, and looks for its exit code. talosctl does not wait for the status
 * after the code: it resets the stream, and that is a normal end (talos cmd/talosctl/cmd/talos/debug.go).
 */
export function watchShell(
  call: RunningCall,
  limits: SessionLimits,
  guard: ((payload: Uint8Array) => void) | undefined,
): ShellSession {
  let exitCode: number | undefined;
  const stop = (why: string): void => {
    call.kill.abort(new GateError('conflict', `the debug session ${why}; run the same again to ask anew`));
  };
  const longest = setTimeout(() => stop(`reached its limit of ${minutes(limits.sessionMs)}`), limits.sessionMs);
  const idle = setTimeout(() => stop(`was idle for ${minutes(limits.idleMs)}`), limits.idleMs);
  return {
    onRequest: payload => {
      guard?.(payload);
      idle.refresh();
    },
    onReply: payload => {
      idle.refresh();
      const output = parseDebugOutput(payload);
      if (output.kind === 'exit') exitCode = output.code;
    },
    settle: result =>
      exitCode !== undefined && result.endCause === 'client'
        ? { ...result, endCause: 'server', status: { code: grpcCodes.OK, message: '' } }
        : result,
    details: () => (exitCode === undefined ? undefined : { exitCode: String(exitCode) }),
    over: result => {
      clearTimeout(longest);
      clearTimeout(idle);
      // Ended from here: the caller's terminal gets a last line, and an exit code that is not 0.
      if (result.endCause === 'gateway' && exitCode === undefined) endShell(call, result.status.message);
    },
  };
}

function minutes(ms: number): string {
  return ms < 60_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}
