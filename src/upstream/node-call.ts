import { type ClientHttp2Stream, constants, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import { GateError } from '../core/gate-error.ts';
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

/** Most request bytes that are kept for sending them again. */
const mostKept = 64 * 1024;

/** Values of `response` and `trailers`. The types of node:http2 do not know that Node adds the raw list. */
type HeaderBlock = [headers: IncomingHttpHeaders & IncomingHttpStatusHeader, flags: number, raw: string[]];

/**
 * The half of a call between the gateway and one node. A call that the node certainly has not begun to work on (it was
 * refused with REFUSED_STREAM, stands above the last stream that a GOAWAY names, or was never sent) is sent once more,
 * as gRPC clients do by themselves (grpc/proposal A6, "transparent retries"), as long as its whole request is at hand.
 */
export class NodeCall {
  readonly #node: string;
  readonly #headers: UpstreamHeaders;
  readonly #events: NodeCallEvents;
  #again: (() => Promise<Channel>) | undefined;
  /** undefined while another connection is awaited. */
  #stream: ClientHttp2Stream | undefined;
  /** What was written so far, kept until it is certain that it need not be sent again. */
  #sent: Buffer[] | undefined = [];
  #kept = 0;
  #ended = false;
  #trailers: readonly string[] | undefined;
  #paused = false;
  #over = false;
  #drains = false;

  /**
   * Sends the header block. Throws GateError `upstream-unavailable` when the connection is gone and there is no `again`,
   * which gives another channel.
   */
  constructor(channel: Channel, headers: UpstreamHeaders, events: NodeCallEvents, again?: () => Promise<Channel>) {
    this.#node = channel.node;
    this.#headers = headers;
    this.#events = events;
    this.#again = again;
    try {
      this.#open(channel);
    } catch (error) {
      if (!this.#retry()) throw error;
    }
  }

  #open(channel: Channel): void {
    const stream: ClientHttp2Stream = channel.open(this.#headers, () => {
      if (this.#stream === stream) this.#onClose(stream);
    });
    this.#stream = stream;
    this.#drains = false;
    (stream as NodeJS.EventEmitter).on('response', (...[headers, flags, raw]: HeaderBlock) => {
      this.#onResponse(stream, headers, flags, raw);
    });
    (stream as NodeJS.EventEmitter).on('trailers', (...[, , raw]: HeaderBlock) => {
      this.#trailers = raw;
    });
    // The cause of an error is told by what is missing when the stream closes.
    stream.on('error', ignore);
  }

  /** Opens the call anew on another connection and sends what was written before. False: that cannot be done. */
  #retry(): boolean {
    const again = this.#again;
    const sent = this.#sent;
    if (again === undefined || sent === undefined) return false;
    // Once: a node that refuses again has its reasons.
    this.#again = undefined;
    this.#stream = undefined;
    again().then(
      channel => {
        if (this.#over) return;
        try {
          this.#open(channel);
        } catch (error) {
          this.#unreachable(error);
          return;
        }
        this.#resend(sent);
      },
      (error: unknown) => {
        this.#unreachable(error);
      },
    );
    return true;
  }

  #resend(sent: readonly Buffer[]): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#sent = undefined;
    for (const chunk of sent) stream.write(chunk);
    if (this.#ended) stream.end();
    if (this.#paused) stream.pause();
    this.#events.onNodeDrain();
  }

  /** Sends request bytes. False: wait for `onNodeDrain`. What comes after the end of the call is dropped. */
  write(chunk: Buffer): boolean {
    const stream = this.#stream;
    if (this.#over) return true;
    this.#keep(chunk);
    if (stream === undefined) return false;
    if (!stream.writable || stream.write(chunk)) return true;
    if (!this.#drains) {
      this.#drains = true;
      stream.on('drain', () => {
        if (this.#stream === stream) this.#events.onNodeDrain();
      });
    }
    return false;
  }

  /** Half-closes, with the last bytes of the request if there are any. */
  end(chunk?: Buffer): void {
    if (this.#over) return;
    this.#ended = true;
    if (chunk !== undefined) this.#keep(chunk);
    if (this.#stream?.writable !== true) return;
    if (chunk === undefined) this.#stream.end();
    else this.#stream.end(chunk);
  }

  pause(): void {
    this.#paused = true;
    this.#stream?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#stream?.resume();
  }

  /** Resets the stream at once. No event follows. */
  cancel(): void {
    this.#over = true;
    if (this.#stream !== undefined) resetStream(this.#stream);
  }

  /** Up to a bound: a long upload that is refused in its middle is not worth the memory. */
  #keep(chunk: Buffer): void {
    if (this.#sent === undefined) return;
    // Nothing else has it while another connection is awaited; then it is little, for the source was told to wait.
    if (this.#stream === undefined) this.#sent.push(chunk);
    if (this.#stream === undefined || this.#again === undefined) return;
    this.#kept += chunk.length;
    if (this.#kept > mostKept) this.#sent = undefined;
    else this.#sent.push(chunk);
  }

  #onResponse(stream: ClientHttp2Stream, headers: HeaderBlock[0], flags: number, raw: readonly string[]): void {
    if (this.#over) return;
    this.#sent = undefined;
    const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    const isGrpc = headers['content-type']?.startsWith('application/grpc') === true || (ended && nodeStatus(raw));
    if (headers[':status'] !== 200 || !isGrpc) {
      resetStream(stream);
      this.#lost(`answered with HTTP status ${headers[':status'] ?? 'none'} instead of gRPC`);
    } else if (ended) {
      this.#trailers = raw;
      stream.resume();
      this.#finish(stream);
    } else {
      this.#events.onNodeHeaders(raw);
      // Bytes that came before this event wait in the stream; a listener attached earlier would have seen them first.
      stream.on('data', (chunk: Buffer) => {
        if (!this.#over) this.#events.onNodeData(chunk);
      });
      stream.on('end', () => {
        this.#finish(stream);
      });
    }
  }

  #finish(stream: ClientHttp2Stream): void {
    if (this.#over) return;
    const trailers = this.#trailers;
    const status = trailers === undefined ? undefined : nodeStatus(trailers);
    if (trailers === undefined || status === undefined) {
      this.#lost('ended the reply without a status');
      return;
    }
    this.#over = true;
    // The node may answer before the request is complete; nothing more is wanted from us then.
    if (!stream.writableEnded) resetStream(stream);
    this.#events.onNodeEnd({ by: 'node', status, trailers });
  }

  #onClose(stream: ClientHttp2Stream): void {
    if (this.#over) return;
    if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM && this.#retry()) return;
    // A reset right behind the trailers destroys the stream before `end`; it does no harm once all data was delivered.
    if (this.#trailers !== undefined && stream.readableLength === 0) this.#finish(stream);
    else this.#lost(`connection was lost (${resetName(stream.rstCode)})`);
  }

  #lost(what: string): void {
    this.#end(`node ${this.#node}: ${what}`);
  }

  #unreachable(error: unknown): void {
    this.#end(GateError.from(error).message);
  }

  #end(message: string): void {
    if (this.#over) return;
    this.#over = true;
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
