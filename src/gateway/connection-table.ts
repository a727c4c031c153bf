import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Peer } from '../core/authentication.ts';
import type { Clock } from '../core/clock.ts';
import type { ListenerLimits } from './listener-limits.ts';

/** One TLS connection of a client. */
export interface Connection {
  readonly session: ServerHttp2Session;
  readonly socket: TLSSocket;
  readonly peer: Peer;
  /** Calls so far, and those under way. */
  calls: number;
  streams: number;
  /** True once somebody has proved who they are on it. */
  trusted: boolean;
  /** Clock.now() when the last call began or ended. */
  lastUsed: number;
  /** True when the last sweep found nothing left to do on it. */
  leaving: boolean;
}

/** The open connections of the listener. Closes those that nobody uses. */
export class ConnectionTable {
  readonly #limits: ListenerLimits;
  readonly #clock: Clock;
  readonly #connections = new Map<ServerHttp2Session, Connection>();
  #sweeper: NodeJS.Timeout | undefined;

  constructor(limits: ListenerLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  get size(): number {
    return this.#connections.size;
  }

  get streams(): number {
    let sum = 0;
    for (const connection of this.#connections.values()) sum += connection.streams;
    return sum;
  }

  add(session: ServerHttp2Session, socket: TLSSocket, peer: Peer): Connection {
    const lastUsed = this.#clock.now();
    const connection = { session, socket, peer, calls: 0, streams: 0, trusted: false, lastUsed, leaving: false };
    this.#connections.set(session, connection);
    // One timer for all, running only while there is something to look at.
    this.#sweeper ??= setInterval(() => {
      this.#sweep();
    }, this.#limits.sweepMs).unref();
    return connection;
  }

  get(session: ServerHttp2Session): Connection | undefined {
    return this.#connections.get(session);
  }

  remove(connection: Connection): void {
    this.#connections.delete(connection.session);
    if (this.#connections.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  opened(connection: Connection, stream: ServerHttp2Stream): void {
    connection.calls++;
    connection.streams++;
    stream.on('close', () => {
      connection.streams--;
      connection.lastUsed = this.#clock.now();
    });
  }

  /** Widens a connection on which somebody has proved who they are, and its streams. Strangers have HTTP/2's 65,535 bytes. */
  trust(connection: Connection): void {
    if (connection.trusted) return;
    connection.trusted = true;
    if (connection.session.destroyed) return;
    connection.session.setLocalWindowSize(this.#limits.connectionWindow);
    connection.session.settings({ initialWindowSize: this.#limits.streamWindow });
  }

  /** No new calls on the present connections; each ends with its last call. */
  retireAll(): void {
    for (const { session } of this.#connections.values()) if (!session.closed) session.close();
  }

  destroyAll(): void {
    for (const { session } of this.#connections.values()) session.destroy();
  }

  /** For what `destroyAll` has left behind: closes the sockets themselves. */
  cutAll(): void {
    for (const { socket } of this.#connections.values()) socket.destroy();
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const connection of this.#connections.values()) {
      const { session, streams, trusted, lastUsed } = connection;
      const idleMs = trusted ? this.#limits.idleMs : this.#limits.idleStrangerMs;
      if (session.destroyed || (session.closed && streams === 0)) this.#seeOff(connection);
      else if (streams === 0 && now - lastUsed > idleMs) session.close();
    }
  }

  /**
   * Node waits for the other end to close before it lets go of a socket, and loses track of one whose peer disappears
   * while the session is destroyed. What is still there a sweep later is closed without asking.
   */
  #seeOff(connection: Connection): void {
    if (connection.leaving) connection.socket.destroy();
    connection.leaving = true;
  }
}
