import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Peer } from '../core/authentication.ts';
import type { Clock } from '../core/clock.ts';
import type { ListenerLimits } from './listener-limits.ts';

/** One TLS connection of a client. */
export interface Connection {
  readonly session: ServerHttp2Session;
  readonly peer: Peer;
  /** Calls so far, and those under way. */
  calls: number;
  streams: number;
  /** True once somebody has proved who they are on it. */
  trusted: boolean;
  /** Clock.now() when the last call began or ended. */
  lastUsed: number;
}

/** How often idle connections are looked for, milliseconds. */
const sweepMs = 5000;

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

  add(session: ServerHttp2Session, peer: Peer): Connection {
    const connection = { session, peer, calls: 0, streams: 0, trusted: false, lastUsed: this.#clock.now() };
    this.#connections.set(session, connection);
    // One timer for all, running only while there is something to look at.
    this.#sweeper ??= setInterval(() => {
      this.#sweep();
    }, sweepMs).unref();
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
    stream.once('close', () => {
      connection.streams--;
      connection.lastUsed = this.#clock.now();
    });
  }

  /** Widens the streams of a connection on which somebody has proved who they are. */
  trust(connection: Connection): void {
    if (connection.trusted) return;
    connection.trusted = true;
    if (connection.session.destroyed) return;
    connection.session.settings({ initialWindowSize: this.#limits.streamWindow });
  }

  /** No new calls on the present connections; each ends with its last call. */
  retireAll(): void {
    for (const { session } of this.#connections.values()) if (!session.closed) session.close();
  }

  destroyAll(): void {
    for (const { session } of this.#connections.values()) session.destroy();
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const { session, streams, trusted, lastUsed } of this.#connections.values()) {
      const idleMs = trusted ? this.#limits.idleMs : this.#limits.idleStrangerMs;
      if (streams === 0 && now - lastUsed > idleMs && !session.closed) session.close();
    }
  }
}
