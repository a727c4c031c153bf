import { setTimeout as sleep } from 'node:timers/promises';
import type { ApprovalState } from '../core/approval.ts';
import { GateError } from '../core/gate-error.ts';
import type { Queryable } from '../db/query.ts';
import { callFunction } from './database.ts';
import { parseState } from './rows.ts';
import * as sql from './statements.ts';

/** Longest time until a waiter here knows of a change on another replica that was not heard of, in milliseconds. */
const pollMs = 1_000;

interface Waiter {
  readonly id: string;
  readonly since: ApprovalState;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Tells waiters when an approval has left a state. One query a tick serves all waiters of the process; a change made in
 * this process, or heard of (`hear.ts`), is looked at once. Has no timer while nobody waits.
 */
export class ApprovalChanges {
  readonly #database: Queryable;
  readonly #waiters = new Set<Waiter>();
  readonly #closed = new AbortController();
  #wake = new AbortController();
  #running: Promise<void> | undefined;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /**
   * Resolves when the approval is in another state than `since`, at once if it is already. Rejects with the signal's
   * reason, or with GateError `audit-unavailable` when the database does not answer.
   */
  async leaves(id: string, since: ApprovalState, signal: AbortSignal): Promise<void> {
    if (this.#closed.signal.aborted) throw new GateError('draining', 'talosgate is being stopped');
    signal.throwIfAborted();
    const waiter: Waiter = { id, since, done: Promise.withResolvers() };
    const giveUp = (): void => waiter.done.reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    this.#waiters.add(waiter);
    if (this.#running === undefined) this.#running = this.#run();
    else this.wake();
    try {
      await waiter.done.promise;
    } finally {
      signal.removeEventListener('abort', giveUp);
      this.#waiters.delete(waiter);
      if (this.#waiters.size === 0) this.wake();
    }
  }

  /** Looks at every awaited approval now instead of at the next tick. */
  wake(): void {
    this.#wake.abort();
  }

  /** Sends every waiter away with GateError `draining`. */
  async close(): Promise<void> {
    this.#closed.abort();
    for (const waiter of this.#waiters) waiter.done.reject(new GateError('draining', 'talosgate is being stopped'));
    this.#waiters.clear();
    this.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiters.size > 0) {
      // Renewed before the look: a wake-up during the look leads to another look.
      this.#wake = new AbortController();
      await this.#look([...this.#waiters]);
      if (this.#waiters.size === 0) break;
      await sleep(pollMs, undefined, { signal: this.#wake.signal }).catch(() => undefined);
    }
    this.#running = undefined;
  }

  async #look(waiters: readonly Waiter[]): Promise<void> {
    try {
      const ids = [...new Set(waiters.map(waiter => waiter.id))];
      const rows = await callFunction<{ id: string; state: string }>(this.#database, sql.states, [ids]);
      const states = new Map(rows.map(row => [row.id, parseState(row.state)]));
      for (const waiter of waiters) if (states.get(waiter.id) !== waiter.since) waiter.done.resolve();
    } catch (thrown) {
      for (const waiter of waiters) waiter.done.reject(thrown);
    }
  }
}
