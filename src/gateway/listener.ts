import type { ServerHttp2Stream } from 'node:http2';
import type { Peer } from '../core/authentication.ts';
import type { CallKind } from '../core/method.ts';
import type { RequestBody } from '../core/request-body.ts';
import type { ParsedHead } from '../core/request-head.ts';

/** A gRPC call as it came in at the door, before anybody looked at who makes it. */
export interface IncomingCall {
  readonly stream: ServerHttp2Stream;
  readonly head: ParsedHead;
  readonly peer: Peer;
  /** The same object for all calls of one TLS connection and no other: a key for caches that die with it. */
  readonly connection: object;
  /** Clock.now() and Clock.monotonic() when the header block arrived. */
  readonly receivedAt: number;
  readonly receivedMonotonic: number;
  /** Starts reading; call it only for callers who have proved themselves, and once. */
  openBody(kind: CallKind): RequestBody;
}

/** Certificate and key the clients see, and who may have issued theirs. PEM texts. */
export interface ListenerTls {
  readonly certificate: string;
  readonly key: string;
  /** CA bundle for client certificates; undefined: no client certificate is asked for. */
  readonly clientCa: string | undefined;
}
