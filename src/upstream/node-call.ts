import { type ClientHttp2Stream, constants, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import type { GrpcStatus } from '../core/grpc.ts';
import { grpcCodes } from '../core/grpc.ts';
import type { Channel } from './channel.ts';
import type { UpstreamHeaders } from './metadata.ts';
import { nodeStatus } from './node-status.ts';
import { resetStream } from './reset.ts';

/** How a node's half of a call ended. */
export type NodeEnd =
  | {
      readonly by: 'node';
      readonly status: GrpcStatus;
      /** Raw list that carries the status: the trailers, or the only header block of a reply without body. */
      readonly trailers: readonly string[];
    }
  /** The connection or the stream broke before the node gave a status. Always UNAVAILABLE. */
  | { readonly by: 'loss'; readonly status: GrpcStatus };

/** Called in the order: headers at most once, data any number of times, end exactly once unless the call is cancelled. */
export interface NodeCallEvents {
  onNodeHeaders(raw: readonly string[]): void;
  onNodeData(chunk: Buffer): void;
  onNodeEnd(end: NodeEnd): void;
  /** The request may be written to again after `write` returned false. */
  onNodeDrain(): void;
}

/** Values of `response` and `trailers`. The types of node:http2 do not know that Node adds the raw list. */
type HeaderBlock = [headers: IncomingHttpHeaders & IncomingHttpStatusHeader, flags: number, raw: string[]];

/** The half of a call between the gateway and one node. */
export class NodeCall {
  readonly #node: string;
  readonly #stream: ClientHttp2Stream;
  readonly #events: NodeCallEvents;
  #trailers: readonly string[] | undefined;
  #over = false;
  #drains = false;

  /** Sends the header block. Throws GateError `upstream-unavailable` when the connection is gone. */
  constructor(channel: Channel, headers: UpstreamHeaders, events: NodeCallEvents) {
    this.#node = channel.node;
    this.#events = events;
    const stream = channel.open(headers, () => {
      this.#onClose();
    });
    this.#stream = stream;
    (stream as NodeJS.EventEmitter).on('response', (...[headers, flags, raw]: HeaderBlock) => {
      this.#onResponse(headers, flags, raw);
    });
    (stream as NodeJS.EventEmitter).on('trailers', (...[, , raw]: HeaderBlock) => {
      this.#trailers = raw;
    });
    // The cause of an error is told by what is missing when the stream closes.
    stream.on('error', ignore);
  }

  /** Sends request bytes. False: wait for `onNodeDrain`. What comes after the end of the call is dropped. */
  write(chunk: Buffer): boolean {
    const stream = this.#stream;
    if (this.#over || !stream.writable) return true;
    if (stream.write(chunk)) return true;
    if (!this.#drains) {
      this.#drains = true;
      stream.on('drain', () => {
        this.#events.onNodeDrain();
      });
    }
    return false;
  }

  /** Half-closes, with the last bytes of the request if there are any. */
  end(chunk?: Buffer): void {
    if (this.#over || !this.#stream.writable) return;
    if (chunk === undefined) this.#stream.end();
    else this.#stream.end(chunk);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Resets the stream at once. No event follows. */
  cancel(): void {
    this.#over = true;
    resetStream(this.#stream);
  }

  #onResponse(headers: HeaderBlock[0], flags: number, raw: readonly string[]): void {
    if (this.#over) return;
    const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    const isGrpc = headers['content-type']?.startsWith('application/grpc') === true || (ended && nodeStatus(raw));
    if (headers[':status'] !== 200 || !isGrpc) {
      resetStream(this.#stream);
      this.#lost(`answered with HTTP status ${headers[':status'] ?? 'none'} instead of gRPC`);
    } else if (ended) {
      this.#trailers = raw;
      this.#stream.resume();
      this.#finish();
    } else {
      this.#events.onNodeHeaders(raw);
      // Bytes that came before this event wait in the stream; a listener attached earlier would have seen them first.
      this.#stream.on('data', (chunk: Buffer) => {
        if (!this.#over) this.#events.onNodeData(chunk);
      });
      this.#stream.on('end', () => {
        this.#finish();
      });
    }
  }

  #finish(): void {
    if (this.#over) return;
    const trailers = this.#trailers;
    const status = trailers === undefined ? undefined : nodeStatus(trailers);
    if (trailers === undefined || status === undefined) {
      this.#lost('ended the reply without a status');
      return;
    }
    this.#over = true;
    // The node may answer before the request is complete; nothing more is wanted from us then.
    if (!this.#stream.writableEnded) resetStream(this.#stream);
    this.#events.onNodeEnd({ by: 'node', status, trailers });
  }

  #onClose(): void {
    // A reset right behind the trailers destroys the stream before `end`; it does no harm once all data was delivered.
    if (this.#trailers !== undefined && this.#stream.readableLength === 0) this.#finish();
    else this.#lost(`connection was lost (${resetName(this.#stream.rstCode)})`);
  }

  #lost(what: string): void {
    if (this.#over) return;
    this.#over = true;
    const message = `node ${this.#node}: ${what}`;
    this.#events.onNodeEnd({ by: 'loss', status: { code: grpcCodes.UNAVAILABLE, message } });
  }
}

function ignore(): void {
  // Nothing to do.
}

/** RFC 9113 section 7, in order of the codes from 0. */
const resetNames = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
] as const;

function resetName(code = 0): string {
  return resetNames[code] ?? `code ${code}`;
}
