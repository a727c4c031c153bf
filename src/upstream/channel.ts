import type { ClientHttp2Stream } from 'node:http2';
import type { UpstreamHeaders } from './metadata.ts';

/** A live HTTP/2 connection to one node. Cheap to hold; ask for a new one for every call. */
export interface Channel {
  readonly cluster: string;
  readonly node: string;
  /**
   * Opens a stream; `onClose` is called when it has closed, for whatever reason. Throws GateError
   * `upstream-unavailable` when the connection has gone since it was acquired.
   */
  open(headers: UpstreamHeaders, onClose: () => void): ClientHttp2Stream;
}
