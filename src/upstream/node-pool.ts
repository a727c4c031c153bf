import type { SecureContext } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import type { Endpoint } from '../core/target.ts';
import { dialNode, type NodeSession } from './node-session.ts';
import { meansDead, silenceTimes } from './silence.ts';

/** Times of connecting, milliseconds. */
const connectTimes = {
  /** A whole attempt: TCP, TLS and the first HTTP/2 frames. */
  attempt: 4000,
  /** How long one caller waits for it. A refused connection is known sooner, and its caller with it. */
  caller: 3000,
  /**
   * Pause after the first failed attempt, during which callers are refused at once. It grows with each further one, up
   * to what apid itself waits at most (talos.md 2.2): a rebooted node must not be taken for away any longer than that.
   */
  pause: { first: 500, factor: 1.6, most: 15_000, spread: 0.2 },
} as const;

/**
 * How long nobody dials after so many failures in a row, milliseconds. `random` from 0 to 1 spreads it by a fifth either
 * way, so that replicas do not all come at once.
 */
export function pauseAfter(failures: number, random: number): number {
  const { first, factor, most, spread } = connectTimes.pause;
  return Math.min(most, first * factor ** (failures - 1)) * (1 + spread * (2 * random - 1));
}

/** Connections to one node; more than one only where the node limits the streams of a connection. */
const maxSessions = 8;

/** What happens to connections, for logs and metrics. */
export type ChannelEvent =
  | { readonly kind: 'connected'; readonly cluster: string; readonly node: string; readonly durationMs: number }
  | { readonly kind: 'connect-failed'; readonly cluster: string; readonly node: string; readonly cause: unknown }
  | { readonly kind: 'disconnected'; readonly cluster: string; readonly node: string; readonly cause: unknown };

export interface NodePoolOptions {
  readonly target: Endpoint;
  readonly context: SecureContext;
  readonly clock: Clock;
  readonly onEvent: (event: ChannelEvent) => void;
}

/** The connections to one node, made when somebody calls and kept until they break. */
export class NodePool {
  readonly #o: NodePoolOptions;
  #sessions: NodeSession[] = [];
  #attempt: Promise<NodeSession> | undefined;
  #failure: { readonly error: GateError; readonly count: number; readonly until: number } | undefined;
  #closed = false;
  #watch: NodeJS.Timeout | undefined;

  constructor(options: NodePoolOptions) {
    this.#o = options;
  }

  /** True when the pool was made for this address and these names of the node. */
  serves(target: Endpoint): boolean {
    const own = this.#o.target;
    if (own === target) return true;
    return own.dial === target.dial && own.identities.join(' ') === target.identities.join(' ');
  }

  peek(): NodeSession | undefined {
    const sessions = this.#sessions;
    const first = sessions[0];
    if (first?.usable === true) return first;
    return sessions.length > 1 ? sessions.find(session => session.usable) : undefined;
  }

  async acquire(signal: AbortSignal | undefined): Promise<NodeSession> {
    const ready = this.peek();
    if (ready !== undefined) return ready;
    const { node } = this.#o.target;
    if (this.#closed) throw new GateError('draining', 'talosgate is shutting down');
    // One that is going away has no say; it only waits for its last call.
    if (this.#sessions.filter(session => !session.leaving).length >= maxSessions) {
      throw new GateError('overloaded', `node ${node} has as many calls as it accepts`);
    }
    if (this.#attempt === undefined) {
      const failure = this.#failure;
      if (failure !== undefined && this.#o.clock.now() < failure.until) throw failure.error;
      this.#attempt = this.#connect().finally(() => {
        this.#attempt = undefined;
      });
      // Callers may all have stopped waiting when it fails.
      this.#attempt.catch(() => undefined);
    }
    return await within(this.#attempt, connectTimes.caller, node, signal);
  }

  /** No new calls on the present connections. */
  retire(): void {
    this.#closed = true;
    for (const session of this.#sessions) session.retire();
  }

  destroy(): void {
    this.retire();
    for (const session of this.#sessions) session.destroy();
  }

  /** Calls under way on all connections. */
  get streams(): number {
    return this.#sessions.reduce((sum, session) => sum + session.streams, 0);
  }

  async #connect(): Promise<NodeSession> {
    const { target, context, clock, onEvent } = this.#o;
    const { cluster, node } = target;
    const started = clock.monotonic();
    try {
      const session = await dialNode(target, context, connectTimes.attempt);
      this.#failure = undefined;
      this.#adopt(session);
      onEvent({ kind: 'connected', cluster, node, durationMs: (clock.monotonic() - started) / 1000 });
      return session;
    } catch (thrown) {
      const error = GateError.from(thrown);
      const count = (this.#failure?.count ?? 0) + 1;
      const random = clock.random(2).readUInt16BE(0) / 0xffff;
      this.#failure = { error, count, until: clock.now() + pauseAfter(count, random) };
      onEvent({ kind: 'connect-failed', cluster, node, cause: error.cause });
      throw error;
    }
  }

  #adopt(session: NodeSession): void {
    const { cluster, node } = this.#o.target;
    let cause: unknown;
    this.#sessions.push(session);
    this.#watch ??= setInterval(() => {
      this.#look();
    }, silenceTimes.look).unref();
    session.session.on('error', error => {
      cause = error;
    });
    session.session.on('close', () => {
      this.#sessions = this.#sessions.filter(other => other !== session);
      if (this.#sessions.length === 0) {
        clearInterval(this.#watch);
        this.#watch = undefined;
      }
      this.#o.onEvent({ kind: 'disconnected', cluster, node, cause });
    });
    if (this.#closed) session.retire();
  }

  #look(): void {
    const now = this.#o.clock.now();
    for (const session of this.#sessions) if (session.silent(now)) void this.#probe(session);
  }

  /** Cuts a silent connection when nobody answers on another one either; its calls become UNAVAILABLE. */
  async #probe(session: NodeSession): Promise<void> {
    try {
      (await dialNode(this.#o.target, this.#o.context, silenceTimes.probe)).destroy();
    } catch (error) {
      if (meansDead(error)) session.destroy();
    }
  }
}

/** The connection, or a quick refusal for a caller who has waited long enough; the attempt itself goes on. */
function within(
  attempt: Promise<NodeSession>,
  ms: number,
  node: string,
  signal: AbortSignal | undefined,
): Promise<NodeSession> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      finish();
      reject(new GateError('upstream-unavailable', `node ${node} cannot be reached (no connection within ${ms} ms)`));
    }, ms);
    const onAbort = (): void => {
      finish();
      reject(signal?.reason instanceof GateError ? signal.reason : new GateError('cancelled', 'the caller went away'));
    };
    const finish = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted === true) onAbort();
    void attempt.then(resolve, reject).finally(finish);
  });
}
