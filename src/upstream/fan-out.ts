import type { ServerHttp2Stream } from 'node:http2';
import type { Clock } from '../core/clock.ts';
import type { GrpcStatus } from '../core/grpc.ts';
import type { CallKind } from '../core/method.ts';
import type { RelayResult } from '../core/relay-result.ts';
import type { RequestBody } from '../core/request-body.ts';
import type { Channel } from './channel.ts';
import type { UpstreamHeaders } from './metadata.ts';

/** One node of a call to several: where to send it, or the status that stands for its reply. */
export type Leg =
  | {
      /** Appears unchanged in the reply: `target.asked`. */
      readonly hostname: string;
      /** Awaited per leg; its rejection becomes the leg's in-band error. */
      readonly channel: Promise<Channel> | Channel;
      readonly headers: UpstreamHeaders;
    }
  | { readonly hostname: string; readonly refusal: GrpcStatus };

export interface FanOutOptions {
  readonly downstream: ServerHttp2Stream;
  readonly kind: CallKind;
  readonly legs: readonly Leg[];
  readonly firstFrame: Buffer;
  readonly body: RequestBody;
  readonly deadline?: number | undefined;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Called once for each leg with a channel when it ends, by its position in `legs`. */
  readonly onLegEnd: (leg: number, result: RelayResult) => void;
  /** Called once after the last leg; a promise holds the trailers back. */
  readonly beforeTrailers?: ((result: RelayResult) => Promise<void> | undefined) | undefined;
}

/** Sends one call to several nodes and merges the replies the way apid does. Never rejects. */
export function fanOut(_options: FanOutOptions): Promise<RelayResult> {
  throw new Error('under construction');
}
