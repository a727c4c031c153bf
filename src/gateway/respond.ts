import type { ServerHttp2Stream } from 'node:http2';
import type { GrpcStatus } from '../core/grpc.ts';

/**
 * Ends a call with a status: trailers only when nothing was sent yet, else trailers. Does nothing on a stream that is
 * gone. The rest of the request is discarded for a while, so that a client in the middle of an upload sees the status.
 */
export function refuse(_stream: ServerHttp2Stream, _status: GrpcStatus, _options?: { detailsBin?: Uint8Array }): void {
  throw new Error('under construction');
}
