import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { type ConnectionSettings, openSession, type Session } from '../db/connection.ts';
import { DatabaseError } from '../db/database-error.ts';

const openBoot = { name: 'audit.boot.open', text: 'SELECT talosgate.audit_boot_open($1, $2) AS taken' };
const beat = { name: 'audit.boot.beat', text: 'SELECT lost, ahead FROM talosgate.audit_boot_beat($1)' };
const extend = { name: 'audit.extend', text: 'SELECT talosgate.audit_partitions_extend() AS ahead' };

/** Longest wait for the answer to a sign of life, ms. */
const answerMs = 3_000;

export interface BootSettings {
  readonly connection: ConnectionSettings;
  /** Name of this replica, for people. */
  readonly replica: string;
  readonly clock: Clock;
  readonly beatMs: number;
  /** Pause between tries to connect again. */
  readonly retryMs: number;
  /** Called when another replica declared this boot lost while it was silent. */
  readonly onLost: () => void;
}

/**
 * The boot's presence in the database: a connection of its own that holds the boot's lock and gives signs of life, so
 * that other replicas can tell a dead process from a slow one. Also sees to it that partitions lie ahead.
 */
export class BootPresence {
  readonly #settings: BootSettings;
  readonly #stop = new AbortController();
  #id: string;
  #beginning = false;
  #session: Session | undefined;
  #beating: Promise<void> | undefined;
  #silentSince: number | undefined;

  constructor(id: string, settings: BootSettings) {
    this.#id = id;
    this.#settings = settings;
  }

  /** How long the database has not answered a sign of life, in milliseconds; 0 while it does. */
  get awayMs(): number {
    return this.#silentSince === undefined ? 0 : (this.#settings.clock.monotonic() - this.#silentSince) / 1000;
  }

  get id(): string {
    return this.#id;
  }

  /** Announces the boot. Rejects with DatabaseError when the database does not take it. */
  async begin(id: string = this.#id): Promise<void> {
    this.#beginning = true;
    try {
      const former = this.#session;
      this.#session = undefined;
      await former?.close();
      this.#id = id;
      this.#session = await this.#connect();
    } finally {
      this.#beginning = false;
    }
    this.#beating ??= this.#beatUntilStopped();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#beating;
    await this.#session?.close();
  }

  async #connect(): Promise<Session> {
    const session = await openSession(this.#settings.connection);
    try {
      const [row] = await session.query<{ taken: boolean }>(openBoot, [this.#id, this.#settings.replica]);
      // The server may not have noticed yet that the former connection is gone; the next try will find the lock free.
      if (row?.taken !== true) throw new DatabaseError('refused', `the lock of boot ${this.#id} is still held`);
      await session.query(extend);
      return session;
    } catch (thrown) {
      await session.close();
      throw thrown;
    }
  }

  async #beatUntilStopped(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const session = this.#session?.lost.aborted === false ? this.#session : undefined;
      const pause = session === undefined ? this.#settings.retryMs : this.#settings.beatMs;
      const wake = session === undefined ? signal : AbortSignal.any([signal, session.lost]);
      await sleep(pause, undefined, { signal: wake }).catch(() => undefined);
      if (!this.#mayBeat()) continue;
      const asked = this.#settings.clock.monotonic();
      await this.#beatOnce().then(
        () => {
          this.#silentSince = undefined;
        },
        (thrown: unknown) => {
          // A refusal is an answer: the lock may be held by a connection of ours that the server has not given up yet.
          const answered = thrown instanceof DatabaseError && thrown.failure === 'refused';
          this.#silentSince = answered ? undefined : (this.#silentSince ?? asked);
        },
      );
    }
  }

  /** Not while a new boot is being announced: connecting for it twice would leave one of the two behind. */
  #mayBeat(): boolean {
    return !this.#stop.signal.aborted && !this.#beginning;
  }

  async #beatOnce(): Promise<void> {
    const id = this.#id;
    if (this.#session === undefined || this.#session.lost.aborted) {
      const session = await this.#connect();
      if (this.#id !== id || this.#session?.lost.aborted === false) await session.close();
      else this.#session = session;
      return;
    }
    const session = this.#session;
    const [row] = await session
      .query<{ lost: boolean; ahead: number }>(beat, [id], { timeoutMs: answerMs })
      .catch(async (thrown: unknown) => {
        await session.close();
        throw thrown;
      });
    if (row?.lost === true && this.#id === id) this.#settings.onLost();
    if (row !== undefined && row.ahead < 2) await session.query(extend);
  }
}
