import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

/** What is done with what happens on a connection. */
export interface ConnectionHooks {
  /** A new stream with its raw header list; may change the object that the gRPC server will read. */
  readonly stream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]) => void;
  /** An HTTP/2 PING of the client. Pings before the first stream are not seen. */
  readonly ping: () => void;
}

/**
 * Watches the streams of chosen HTTP/2 connections before the gRPC server does.
 *
 * Needed because Node joins repeated header fields with a comma before grpc-js sees them, while Talos tells one field
 * with a comma from two fields. Node hands the raw list only to listeners of the session's own `stream` event, and
 * its diagnostics channel is the one public way to a session that grpc-js made.
 */
export class RawHeaderTap {
  readonly #hooks = new WeakMap<object, ConnectionHooks>();
  readonly #tapped = new WeakSet();
  readonly #tag = Symbol('talosgate sim connection');

  constructor() {
    subscribe('http2.server.stream.created', this.#onStream);
  }

  /** Sends every stream of this connection through the hooks. Call it before the connection reaches the server. */
  watch(socket: Socket, hooks: ConnectionHooks): void {
    const key = {};
    this.#hooks.set(key, hooks);
    Object.defineProperty(socket, this.#tag, { value: key });
  }

  close(): void {
    unsubscribe('http2.server.stream.created', this.#onStream);
  }

  readonly #onStream = (message: unknown): void => {
    const { session } = (message as { stream: ServerHttp2Stream }).stream;
    if (session === undefined || this.#tapped.has(session)) return;
    const key = (session.socket as unknown as Record<symbol, unknown>)[this.#tag];
    const hooks = key === undefined ? undefined : this.#hooks.get(key as object);
    if (hooks === undefined) return;
    this.#tapped.add(session);
    session.on('ping', hooks.ping);
    session.prependListener(
      'stream',
      (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: readonly string[]) => {
        hooks.stream(stream, headers, raw);
      },
    );
  };
}
