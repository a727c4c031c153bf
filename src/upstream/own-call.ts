import { GateError } from '../core/gate-error.ts';
import { type GrpcStatus, grpcCodeName, grpcCodes } from '../core/grpc.ts';
import { encodeFrame, FrameSplitter } from '../core/grpc-frame.ts';
import type { Channel } from './channel.ts';
import { upstreamHeaders } from './metadata.ts';
import { NodeCall, type NodeEnd } from './node-call.ts';

export interface OwnCallOptions {
  readonly path: string;
  /** The one request message. */
  readonly request: Uint8Array;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Most that a reply to the gateway itself may hold, bytes. */
const maxReplyBytes = 4 * 1024 * 1024;

/**
 * A call that the gateway makes for itself, with one request and any number of reply messages, as os:reader and
 * nothing more. Rejects with GateError: `upstream-unavailable` when the node does not serve it or is gone,
 * `deadline-exceeded`, `message-too-large`, or the reason of the signal.
 */
export function ownCall(channel: Channel, options: OwnCallOptions): Promise<Buffer[]> {
  const { path, request, timeoutMs, signal } = options;
  return new Promise((resolve, reject) => {
    const splitter = new FrameSplitter(maxReplyBytes);
    const messages: Buffer[] = [];
    let bytes = 0;
    const fail = (error: unknown): void => {
      finish();
      call?.cancel();
      reject(GateError.from(error));
    };
    const timer = setTimeout(() => {
      fail(new GateError('deadline-exceeded', `node ${channel.node} did not answer within ${timeoutMs} ms`));
    }, timeoutMs);
    const onAbort = (): void => {
      fail(signal?.reason);
    };
    const finish = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    let call: NodeCall | undefined;
    try {
      signal?.throwIfAborted();
      call = new NodeCall(channel, headersOf(channel, path, timeoutMs), {
        onNodeHeaders: () => undefined,
        onNodeDrain: () => undefined,
        onNodeData: chunk => {
          bytes += chunk.length;
          try {
            if (bytes > maxReplyBytes) throw new GateError('message-too-large', `node ${channel.node} says too much`);
            for (const frame of splitter.push(chunk)) messages.push(frame.payload);
          } catch (error) {
            fail(error);
          }
        },
        onNodeEnd: end => {
          finish();
          const problem = problemOf(channel, end);
          if (problem === undefined) resolve(messages);
          else reject(problem);
        },
      });
    } catch (error) {
      fail(error);
      return;
    }
    signal?.addEventListener('abort', onAbort);
    call.end(encodeFrame(request));
  });
}

function headersOf(channel: Channel, path: string, timeoutMs: number): ReturnType<typeof upstreamHeaders> {
  return upstreamHeaders({ path, authority: channel.node, callId: 'gateway', roles: ['os:reader'], timeoutMs });
}

function problemOf(channel: Channel, end: NodeEnd): GateError | undefined {
  const status: GrpcStatus = end.status;
  if (status.code === grpcCodes.OK) return undefined;
  const text = `node ${channel.node}: ${grpcCodeName(status.code)} ${status.message}`;
  return new GateError('upstream-unavailable', text);
}
