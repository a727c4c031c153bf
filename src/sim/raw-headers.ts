import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

/** What is done with the header list of a new stream: look, and change the object that the gRPC server will read. */
export type StreamHook = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]) => void;

/**
 * Watches the streams of chosen HTTP/2 connections before the gRPC server does.
 *
 * Needed because Node joins repeated header fields with a comma before grpc-js sees them, while Talos tells one field
 * with a comma from two fields. Node hands the raw list only to listeners of the session's own `stream` event, and
 * its diagnostics channel is the one public way to a session that grpc-js made.
 */
export class RawHeaderTap {
  readonly #hooks = new WeakMap<object, StreamHook>();
  readonly #tapped = new WeakSet();
  readonly #tag = Symbol('talosgate sim connection');

  constructor() {
    subscribe('http2.server.stream.created', this.#onStream);
  }

  /** Sends every stream of this connection through the hook. Call it before the connection reaches the server. */
  watch(socket: Socket, hook: StreamHook): void {
    const key = {};
    this.#hooks.set(key, hook);
    Object.defineProperty(socket, this.#tag, { value: key });
  }

  close(): void {
    unsubscribe('http2.server.stream.created', this.#onStream);
  }

  readonly #onStream = (message: unknown): void => {
    const { session } = (message as { stream: ServerHttp2Stream }).stream;
    if (session === undefined || this.#tapped.has(session)) return;
    const key = (session.socket as unknown as Record<symbol, unknown>)[this.#tag];
    const hook = key === undefined ? undefined : this.#hooks.get(key as object);
    if (hook === undefined) return;
    this.#tapped.add(session);
    session.prependListener(
      'stream',
      (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: readonly string[]) => {
        hook(stream, headers, raw);
      },
    );
  };
}
