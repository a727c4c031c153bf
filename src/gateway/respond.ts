import type { ServerHttp2Stream } from 'node:http2';
import type { GrpcStatus } from '../core/grpc.ts';
import { endWithStatus, headersOnly, lingerThenClose, type StatusOptions } from '../upstream/reply.ts';

/**
 * Ends a call with a status: trailers only when nothing was sent yet, else trailers. Does nothing on a stream that is
 * gone. The rest of the request is discarded for a while, so that a client in the middle of an upload sees the status.
 */
export function refuse(stream: ServerHttp2Stream, status: GrpcStatus, options?: StatusOptions): void {
  endWithStatus(stream, status, options);
}

/** Wrong method, headers too large, foreign content type (PROTOCOL-HTTP2.md asks for 415). */
export type HttpRefusal = 405 | 415 | 431;

/** Answers a request that is not gRPC with a bare HTTP status. */
export function refuseHttp(stream: ServerHttp2Stream, status: HttpRefusal): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond({ ':status': status }, headersOnly);
  lingerThenClose(stream);
}
