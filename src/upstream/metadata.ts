import type { OutgoingHttpHeaders } from 'node:http2';

/** A complete header block for a node. Made only by `upstreamHeaders`. */
export type UpstreamHeaders = OutgoingHttpHeaders;

export interface UpstreamCall {
  readonly path: string;
  /** `:authority`; any value does for apid. */
  readonly authority: string;
  readonly callId: string;
  /** Talos roles that the node shall assume; an empty list makes the node refuse everything. */
  readonly roles: readonly string[];
  /** Milliseconds left, undefined for no deadline. */
  readonly timeoutMs?: number | undefined;
  /** Encoding of the request messages that follow the first one, when they are passed raw. */
  readonly encoding?: string | undefined;
  /** Encodings that the reply may use: what the caller accepts, or nothing when replies are inspected or merged. */
  readonly acceptEncoding?: readonly string[] | undefined;
}

/** Builds the header block of an upstream call from nothing. */
export function upstreamHeaders(_call: UpstreamCall): UpstreamHeaders {
  throw new Error('under construction');
}
