import type { ClientHttp2Stream } from 'node:http2';
import type { Clock } from '../core/clock.ts';
import type { Target } from '../core/target.ts';
import type { UpstreamHeaders } from './metadata.ts';

/** How the gateway proves itself to the nodes of one cluster and recognises them. PEM texts. */
export interface ClusterCredentials {
  readonly cluster: string;
  /** CA bundle that the nodes' server certificates come from. */
  readonly ca: string;
  /** The gateway's own client certificate (`os:impersonator`) and key. */
  readonly certificate: string;
  readonly key: string;
}

/** What happens to connections, for logs and metrics. */
export type ChannelEvent =
  | { readonly kind: 'connected'; readonly cluster: string; readonly node: string; readonly durationMs: number }
  | { readonly kind: 'connect-failed'; readonly cluster: string; readonly node: string; readonly cause: unknown }
  | { readonly kind: 'disconnected'; readonly cluster: string; readonly node: string; readonly cause: unknown };

/** A live HTTP/2 connection to one node. Cheap to hold; ask for a new one for every call. */
export interface Channel {
  readonly cluster: string;
  readonly node: string;
  /** Opens a stream. Throws GateError `upstream-unavailable` when the connection has gone since it was acquired. */
  open(headers: UpstreamHeaders, endStream: boolean): ClientHttp2Stream;
}

export interface Channels {
  /** A ready channel when there is one, without waiting. */
  peek(target: Target): Channel | undefined;
  /** Connects when needed. Rejects with GateError `upstream-unavailable` after about a second at most, or `cancelled`. */
  acquire(target: Target, signal?: AbortSignal): Promise<Channel>;
  /** Replaces the credentials; connections made with the old ones end when their last call does. */
  setClusters(clusters: readonly ClusterCredentials[]): void;
  /** Lets running calls end for `graceMs` (default 0), then cuts what is left. */
  close(graceMs?: number): Promise<void>;
}

export interface ChannelsOptions {
  readonly clusters: readonly ClusterCredentials[];
  readonly clock: Clock;
  readonly onEvent?: ((event: ChannelEvent) => void) | undefined;
}

export function createChannels(_options: ChannelsOptions): Channels {
  throw new Error('under construction');
}
