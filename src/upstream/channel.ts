import type { ClientHttp2Stream } from 'node:http2';
import type { UpstreamHeaders } from './metadata.ts';

/** A live HTTP/2 connection to one node. Cheap to hold; ask for a new one for every call. */
export interface Channel {
  readonly cluster: string;
  readonly node: string;
  /** The same object for all channels over one connection; only its identity means anything. */
  readonly connection: object;
  /**
   * Opens a stream; `onClose` is called when it has closed, for whatever reason. Throws GateError
   * `upstream-unavailable` when the connection has gone since it was acquired.
   */
  open(headers: UpstreamHeaders, onClose: () => void): ClientHttp2Stream;
}
