import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditLine, AuditScan } from '../core/audit-line.ts';
import type { Clock } from '../core/clock.ts';
import { type ConnectionSettings, openSession, type Session } from '../db/connection.ts';
import { type BackoffSettings, pauseAfter } from './backoff.ts';
import { moveCursor, noteFailure, type Place, takeSink } from './cursor.ts';
import type { Delivery, Sink } from './sink.ts';

export interface RunnerSettings {
  readonly name: string;
  /** Where it begins when it has no place yet: `now`, `beginning` or an index. */
  readonly from: string;
  readonly sink: Sink;
  /** Login with the rights of talosgate_writer; each runner has one connection of its own. */
  readonly connection: ConnectionSettings;
  readonly scan: AuditScan;
  readonly replica: string;
  readonly clock: Clock;
  /** Pause while there is nothing new, milliseconds. */
  readonly pollMs: number;
  /** Pause before asking again for a sink that another replica has, or that is stopped, milliseconds. */
  readonly retakeMs: number;
  readonly backoff: BackoffSettings;
  readonly report: (problem: string) => void;
}

/**
 * Delivers the log to one receiver, in order, each batch after the one before was taken. Holds the sink's lock in the database
 * while it does, so that one replica delivers at a time and another takes over when its connection is gone. The cursor
 * moves after the delivery: what is cut in between comes again with the same index.
 */
export class SinkRunner {
  readonly #settings: RunnerSettings;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #failures = 0;
  /** Most records in the next batch; halved while the receiver refuses, to find the one it means. */
  #most: number;

  constructor(settings: RunnerSettings) {
    this.#settings = settings;
    this.#most = settings.sink.batch.records;
    this.#running = this.#run();
  }

  /** Ends after the batch under way was given up; its records come again at the next start. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#settings.sink.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const session = await openSession(this.#settings.connection);
        try {
          await this.#serve(session, AbortSignal.any([signal, session.lost]));
        } finally {
          await session.close();
        }
      } catch (error) {
        // The database is away, as every part notices; the receiver's place is safe in it.
        if (this.#failures === 0) this.#tell(`its place cannot be read or kept: ${textOf(error)}`);
        this.#failures += 1;
      }
      await this.#pause(this.#settings.retakeMs, signal);
    }
  }

  /** Until the session is lost or the runner is closed. */
  async #serve(session: Session, signal: AbortSignal): Promise<void> {
    const { name, from, replica, retakeMs } = this.#settings;
    while (!signal.aborted) {
      const place = await takeSink(session, name, from, replica);
      if (place === undefined || place.state === 'stopped') await this.#pause(retakeMs, signal);
      else await this.#deliverFrom(session, place, signal);
    }
  }

  /** Until the place has to be asked for again. */
  async #deliverFrom(session: Session, place: Place, signal: AbortSignal): Promise<void> {
    let at: Place | undefined = place;
    while (at !== undefined && !signal.aborted) {
      const lines = await this.#next(at.next);
      if (lines.length === 0) await this.#pause(this.#settings.pollMs, signal);
      else at = await this.#step(session, at, lines, signal);
    }
  }

  /** Records that follow without a gap, within what the receiver takes at once. */
  async #next(from: number): Promise<readonly AuditLine[]> {
    const { lines } = await this.#settings.scan.read(from, from + this.#most, {});
    let bytes = 0;
    const fit = lines.findIndex(({ body }) => {
      bytes += body.length;
      return bytes > this.#settings.sink.batch.bytes;
    });
    return fit === -1 ? lines : lines.slice(0, Math.max(1, fit));
  }

  /** Delivers one batch. Gives the new place, or undefined when the place has to be asked for again. */
  async #step(
    session: Session,
    at: Place,
    lines: readonly AuditLine[],
    signal: AbortSignal,
  ): Promise<Place | undefined> {
    const { name, sink } = this.#settings;
    const first = lines[0]?.index ?? at.next;
    if (first !== at.next) {
      await this.#halt(session, `records ${at.next} to ${first - 1} are no longer in the log`);
      return undefined;
    }
    const delivery = await sink.deliver(lines, signal);
    if (signal.aborted) return undefined;
    if (!delivery.ok) return await this.#afterFailure(session, at, lines, delivery, signal);
    if (this.#failures > 0) this.#tell('delivers again');
    this.#failures = 0;
    this.#most = Math.min(this.#most * 2, sink.batch.records);
    const next = at.next + lines.length;
    return (await moveCursor(session, name, at.next, next)) ? { next, state: 'running' } : undefined;
  }

  async #afterFailure(
    session: Session,
    at: Place,
    lines: readonly AuditLine[],
    delivery: Extract<Delivery, { ok: false }>,
    signal: AbortSignal,
  ): Promise<Place | undefined> {
    const { name, backoff, clock } = this.#settings;
    if (delivery.failure === 'refused' && lines.length > 1) {
      this.#most = Math.ceil(lines.length / 2);
      return at;
    }
    if (delivery.failure === 'refused') {
      await this.#halt(session, `record ${at.next} is refused: ${delivery.why}`);
      return undefined;
    }
    if (this.#failures === 0) this.#tell(delivery.why);
    this.#failures += 1;
    await noteFailure(session, name, false, delivery.why);
    await this.#pause(pauseAfter(this.#failures, backoff, clock, delivery.retryAfterMs), signal);
    return at;
  }

  /** Nothing is skipped: somebody has to mend the receiver, or to say that this record be passed over. */
  async #halt(session: Session, why: string): Promise<void> {
    this.#tell(`stopped: ${why}`);
    this.#failures = 0;
    this.#most = this.#settings.sink.batch.records;
    await noteFailure(session, this.#settings.name, true, why);
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  }

  #tell(problem: string): void {
    this.#settings.report(`export sink ${this.#settings.name}: ${problem}`);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
