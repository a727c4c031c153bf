import { type DebugInput, parseDebugInput, parseDebugOutput } from '../catalog/debug-stream.ts';
import type { AuditRecord } from '../core/audit-record.ts';
import { GateError } from '../core/gate-error.ts';
import { grpcCodes } from '../core/grpc.ts';
import { printable } from '../core/printable.ts';
import type { RelayResult } from '../core/relay-result.ts';
import type { Recording } from '../sessions/recording.ts';
import type { RunningCall } from './calls.ts';
import { endShell, showLine } from './held-debug.ts';
import type { Leg } from './leg.ts';
import type { SessionLimits } from './session-limits.ts';
import { ShownTerminal } from './shown-terminal.ts';
import type { Admitted, CallStages, Granted } from './stages.ts';

/** Watches and records a debug stream while it is relayed. Call `over` in every case. */
export interface ShellSession {
  /** Resolve once the message is recorded; it must not pass before. */
  readonly onRequest: (payload: Buffer) => Promise<void>;
  readonly onReply: (payload: Buffer) => Promise<void>;
  /** The outcome as people see it: a caller who leaves after the exit code has ended normally. */
  settle(result: RelayResult): RelayResult;
  details(): AuditRecord['details'];
  over(result: RelayResult): void;
}

/** Bytes of messages that may wait for their recording, each way: enough for the database to write full batches. */
export const recordAhead = 1024 * 1024;

/**
 * Starts the recording of a shell, and sees to its end: too long, left alone, ended by somebody from outside, or not
 * recordable any more. Rejects when it cannot be recorded; then nothing may be forwarded. The exit code is looked for
 * because talosctl does not wait for the status after it: it resets the stream, and that is a normal end (talos
 * cmd/talosctl/cmd/talos/debug.go).
 */
export async function startShell(
  call: RunningCall,
  admitted: Admitted,
  granted: Granted,
  leg: Leg,
  limits: SessionLimits,
  stages: CallStages,
  guard: ((payload: Uint8Array) => void) | undefined,
): Promise<ShellSession> {
  const stop = (why: string): void => {
    call.kill.abort(new GateError('conflict', `the debug session ${why}; run the same again to ask anew`));
  };
  const tty = admitted.facts.summary['spec.tty'] === true;
  const shown = new ShownTerminal(tty);
  const recording = await stages.sessions.begin(
    {
      id: call.id,
      approvalId: leg.grant?.id,
      principal: call.principal?.id ?? '',
      cluster: leg.target.cluster,
      node: leg.target.node,
      resource: admitted.facts.resource,
      emergency: leg.grant?.emergency === true,
    },
    { tty: String(tty) },
    {
      onKill: ({ by, reason }) => {
        // Free text of people goes to the terminal only: talosctl reads more into the words of a status.
        const why = reason === '' ? '' : `: "${printable(reason, 200)}"`;
        showLine(call, `this session is ended by ${printable(by, 100)}${why}`, shown.putRight());
        stop('was ended by somebody else');
      },
      onFailure: error => call.kill.abort(error),
    },
  );
  // The size that the terminal had told while it was held goes to the node before anything else.
  for (const frame of granted.replay) await record(recording, parseDebugInput(frame.subarray(5)));
  let exitCode: number | undefined;
  let ended = false;
  const longest = setTimeout(() => stop(`reached its limit of ${minutes(limits.sessionMs)}`), limits.sessionMs);
  const idle = setTimeout(() => stop(`was idle for ${minutes(limits.idleMs)}`), limits.idleMs);
  const settle = (result: RelayResult): RelayResult => {
    if (recording.failure !== undefined && result.endCause === 'gateway') return { ...result, endCause: 'audit' };
    return exitCode !== undefined && result.endCause === 'client'
      ? { ...result, endCause: 'server', status: { code: grpcCodes.OK, message: '' } }
      : result;
  };
  return {
    onRequest: payload => {
      guard?.(payload);
      idle.refresh();
      return record(recording, parseDebugInput(payload));
    },
    onReply: async payload => {
      idle.refresh();
      const output = parseDebugOutput(payload);
      if (output.kind === 'stdout') {
        await recording.output({ kind: 'output', data: viewOf(output.data) });
        shown.shows(output.data);
      }
      if (output.kind !== 'exit') return;
      await recording.output({ kind: 'exit', code: output.code });
      exitCode = output.code;
    },
    settle,
    details: () => (exitCode === undefined ? undefined : { exitCode: String(exitCode) }),
    over: result => {
      if (ended) return;
      ended = true;
      clearTimeout(longest);
      clearTimeout(idle);
      // Ended from here: the caller's terminal gets a last line, and an exit code that is not 0.
      const endedHere = result.endCause === 'gateway' || result.endCause === 'audit';
      if (endedHere && exitCode === undefined) endShell(call, result.status.message, shown.putRight());
      stages.sessions.end(recording, { cause: settle(result).endCause, exitCode });
    },
  };
}

function record(recording: Recording, input: DebugInput): Promise<void> {
  switch (input.kind) {
    case 'stdin':
      return recording.input({ kind: 'typed', data: input.data });
    case 'signal':
      return recording.input({ kind: 'signal', signal: input.signal });
    case 'resize':
      return recording.input({ kind: 'resize', width: input.width, height: input.height });
    case 'spec':
      return Promise.resolve();
  }
}

/** Without a copy: nobody changes a message while it waits. */
function viewOf(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

function minutes(ms: number): string {
  return ms < 60_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}
