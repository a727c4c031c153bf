import type { ServerHttp2Stream } from 'node:http2';
import type { Clock } from '../core/clock.ts';
import type { RelayResult } from '../core/relay-result.ts';
import type { RequestBody } from '../core/request-body.ts';
import type { Channel } from './connections.ts';
import type { UpstreamHeaders } from './metadata.ts';

/** Looks at one message before it passes. Throwing a GateError ends the call with it; a promise holds the direction. */
export type InspectMessage = (payload: Buffer) => void | Promise<void>;

export interface RelayOptions {
  readonly downstream: ServerHttp2Stream;
  readonly channel: Channel;
  readonly headers: UpstreamHeaders;
  /** The first request message, canonical and framed; undefined when everything comes from `body`. */
  readonly firstFrame: Buffer | undefined;
  readonly body: RequestBody;
  /** Sees every request message after the first. Messages then pass decompressed. */
  readonly inspectRequestMessage?: InspectMessage | undefined;
  /** Sees every reply message. Give `upstreamHeaders` no acceptEncoding then. */
  readonly inspectResponseMessage?: InspectMessage | undefined;
  /** Milliseconds since the epoch at which the caller's deadline passes. */
  readonly deadline?: number | undefined;
  readonly clock: Clock;
  /** Ends the call from the gateway's side; the reason should be a GateError and becomes the status. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called once with the outcome before the caller learns the status; a promise holds the trailers back. Should it
   * reject, the status becomes that error.
   */
  readonly beforeTrailers?: ((result: RelayResult) => Promise<void> | undefined) | undefined;
}

/** Passes one call on to one node and back. Never rejects; every failure is a status that the caller gets. */
export function relay(_options: RelayOptions): Promise<RelayResult> {
  throw new Error('under construction');
}
