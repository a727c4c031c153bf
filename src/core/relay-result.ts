import type { EndCause } from './audit-record.ts';
import type { GrpcStatus } from './grpc.ts';

/** Trailers of the gateway's own, beside those of the node. */
export type ExtraTrailers = Readonly<Record<string, string>>;

/** What has passed so far. Bytes count gRPC frames with their five-byte prefix. */
export type RelayCounts = Pick<RelayResult, 'requestBytes' | 'requestMessages' | 'responseBytes' | 'responseMessages'>;

/** How the forwarding of one call to one node went. Bytes count gRPC frames with their five-byte prefix. */
export interface RelayResult {
  /** Status that the caller was, or would have been, given. */
  readonly status: GrpcStatus;
  readonly endCause: EndCause;
  readonly requestBytes: number;
  readonly requestMessages: number;
  readonly responseBytes: number;
  readonly responseMessages: number;
  /** True when at least the header block was handed to the connection with the node. */
  readonly forwarded: boolean;
}
