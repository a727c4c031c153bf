import type { ServerHttp2Stream } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import type { HeldTerminal } from '../approvals/hold-input.ts';
import { encodeDebugExit, encodeDebugStdout, parseDebugInput } from '../catalog/debug-stream.ts';
import { GateError } from '../core/gate-error.ts';
import type { GrpcStatus } from '../core/grpc.ts';
import { encodeFrame } from '../core/grpc-frame.ts';
import { DebugContainerRunRequestSchema } from '../gen/machine/debug_pb.js';
import type { RunningCall } from './calls.ts';
import { refuse } from './respond.ts';
import type { Admitted } from './stages.ts';

/** The caller's terminal at the far end of a debug stream, while nothing is forwarded yet. */
export function heldTerminal(call: RunningCall, admitted: Admitted): HeldTerminal {
  const { stream } = call.incoming;
  return {
    tty: admitted.facts.summary['spec.tty'] === true,
    write: text => {
      show(call, text);
    },
    next: async signal => {
      try {
        const payload = await admitted.body.readNext(signal);
        return payload === undefined ? { kind: 'half-close' } : parseDebugInput(payload);
      } catch (thrown) {
        if (signal.aborted) throw thrown;
        if (stream.destroyed || GateError.from(thrown).code === 'cancelled') return { kind: 'gone' };
        throw thrown;
      }
    },
  };
}

/**
 * Ends a debug call that is not forwarded. A stock talosctl in a terminal exits with 0 on a bare gRPC error, so it gets
 * the last line and an exit code first (talos cmd/talosctl/cmd/talos/debug.go).
 */
export function refuseShell(call: RunningCall, status: GrpcStatus, answered: boolean): void {
  if (answered) writeExit(call);
  else endShell(call, status.message);
  refuse(call.incoming.stream, status);
}

/** Prints one line as the gateway's own where the node's output goes too; `before` puts the caller's terminal right. */
export function showLine(call: RunningCall, line: string, before: string): void {
  show(call, `${before}talosgate: ${line}${lineEnd(call)}`);
}

/** The last line and a failing exit code, on a stream that somebody else ends with its status. */
export function endShell(call: RunningCall, message: string, before = ''): void {
  showLine(call, message, before);
  writeExit(call);
}

/** A caller without a terminal keeps what comes in a file or reads it with a program. */
function lineEnd(call: RunningCall): string {
  return call.facts?.summary['spec.tty'] === false ? '\n' : '\r\n';
}

function writeExit(call: RunningCall): void {
  const { stream } = call.incoming;
  if (over(stream)) return;
  startReply(stream);
  stream.write(encodeFrame(encodeDebugExit(1)));
}

/** The size of the caller's terminal, as a message to the node. */
export function encodeResize(size: { readonly width: number; readonly height: number }): Uint8Array {
  const request = { case: 'termResize', value: { width: size.width, height: size.height } } as const;
  return toBinary(DebugContainerRunRequestSchema, create(DebugContainerRunRequestSchema, { request }));
}

function show(call: RunningCall, text: string): void {
  const { stream } = call.incoming;
  if (over(stream)) return;
  startReply(stream);
  stream.write(encodeFrame(encodeDebugStdout(Buffer.from(text, 'utf8'))));
}

function startReply(stream: ServerHttp2Stream): void {
  if (stream.headersSent) return;
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
}

/** A stream that was reset without an error is closed and not destroyed; nothing can be written to it either way. */
function over(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.closed || stream.writableEnded;
}
