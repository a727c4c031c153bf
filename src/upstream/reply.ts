import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { GrpcStatus } from '../core/grpc.ts';
import { encodeGrpcMessage } from '../core/grpc-message.ts';

/** Response options of an answer without body. gRPC has no use for a `date` header, which Node adds by itself. */
export const headersOnly = { endStream: true, sendDate: false } as const;

/** Response options of an answer with messages. */
export const streamedReply = { waitForTrailers: true, sendDate: false } as const;

/** How long a client may go on sending after it was given its status, and how much of that is taken in. */
const linger = { ms: 5000, bytes: 4 * 1024 * 1024 } as const;

export interface StatusOptions {
  /** Serialised google.rpc.Status for `grpc-status-details-bin`. */
  readonly detailsBin?: Uint8Array | undefined;
  /** More trailers, already in their wire form. */
  readonly metadata?: OutgoingHttpHeaders | undefined;
}

/**
 * Ends a call with a status: trailers only when nothing was sent yet, else trailers after what was sent. Does nothing
 * on a stream that is gone. The headers must have been sent with `waitForTrailers`.
 */
export function endWithStatus(stream: ServerHttp2Stream, status: GrpcStatus, options: StatusOptions = {}): void {
  endWithTrailers(stream, {
    ...options.metadata,
    'grpc-status': String(status.code),
    ...(status.message === '' ? {} : { 'grpc-message': encodeGrpcMessage(status.message) }),
    ...(options.detailsBin === undefined
      ? {}
      : { 'grpc-status-details-bin': Buffer.from(options.detailsBin).toString('base64') }),
  });
}

/** Same with trailers in their wire form. `onSent` is called when they were handed to the connection. */
export function endWithTrailers(stream: ServerHttp2Stream, trailers: OutgoingHttpHeaders, onSent?: () => void): void {
  if (gone(stream)) return;
  if (!stream.headersSent) {
    const headers = { ':status': 200, 'content-type': 'application/grpc', ...trailers };
    send(stream, () => {
      stream.respond(headers, headersOnly);
    });
    onSent?.();
  } else if (!stream.writableEnded) {
    stream.on('wantTrailers', () => {
      send(stream, () => {
        stream.sendTrailers(trailers);
      });
      onSent?.();
    });
    stream.end();
  }
  if (!stream.readableEnded) lingerThenClose(stream);
}

/** Node refuses some header lists that a node may have sent; and the stream may be gone when its data has left. */
function send(stream: ServerHttp2Stream, action: () => void): void {
  if (gone(stream)) return;
  try {
    action();
  } catch {
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}

/**
 * Lets the client find out by itself that its call is over. Node would reset a stream whose request was never read as
 * soon as the response has ended, and clients then report the reset and lose the status (C-core: INTERNAL). So what
 * still comes is read and dropped, up to a bound, and the reset is sent only after a while.
 */
export function lingerThenClose(stream: ServerHttp2Stream): void {
  let left: number = linger.bytes;
  // Whoever read the request until now would stop the flow at a message that nobody asks for any more.
  stream.removeAllListeners('data');
  stream.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) stream.pause();
  });
  stream.resume();
  const timer = setTimeout(() => {
    stream.close(constants.NGHTTP2_NO_ERROR);
    // A body that was not read to its end keeps Node from closing the stream, so nothing may stop the rest of it now.
    stream.removeAllListeners('data');
    stream.resume();
  }, linger.ms);
  stream.once('close', () => {
    clearTimeout(timer);
  });
}

function gone(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.closed;
}
