import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { DurableBatch } from '../core/durable-batch.ts';
import { GateError } from '../core/gate-error.ts';
import { type ConnectionSettings, openSession, type Session } from '../db/connection.ts';
import { appendBatch, readAppendFailure } from './append.ts';
import { type Batch, buildBatch } from './batch.ts';
import type { Breaker } from './breaker.ts';
import type { Group } from './entry.ts';
import type { Intake } from './intake.ts';
import { Linger } from './linger.ts';

export interface CommitterSettings {
  readonly connection: ConnectionSettings;
  readonly appendMs: number;
  /** Boot that writes, at the moment a batch is built. */
  readonly bootId: () => string;
  /** Starts a new boot and encodes everything in the intake anew; the counter starts again at 1. */
  readonly nextBoot: (why: string) => Promise<void>;
  /** Told of each batch that is durable now, before whoever waits for a record of it is. */
  readonly onDurable: (batch: DurableBatch) => void;
  /** Takes a group that is durable now. */
  readonly landed: (group: Group) => void;
  readonly report: (problem: string, cause: unknown) => void;
}

/** Longest that records wait for company that nobody waits for, ms, and from how many on they do not. */
const lingerMs = 5;
const lingerRecords = 64;

/**
 * Moves groups from the intake into the database: one batch at a time, the next one forms while it commits. The
 * only place that knows how each failure goes on.
 */
export class Committer {
  readonly #settings: CommitterSettings;
  readonly #intake: Intake;
  readonly #breaker: Breaker;
  readonly #stop = new AbortController();
  #session: Session | undefined;
  readonly #linger = new Linger();
  #draining = false;
  #running: Promise<void> | undefined;
  #nextWseq = 1;
  #inFlight = 0;
  #bootOver: string | undefined;

  constructor(intake: Intake, breaker: Breaker, settings: CommitterSettings) {
    this.#intake = intake;
    this.#breaker = breaker;
    this.#settings = settings;
  }

  /** Records in the batch under way. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Position of the newest record of this boot. */
  get lastWseq(): number {
    return this.#nextWseq - 1;
  }

  /** To be called after something was put into the intake. */
  wake(): void {
    if (this.#stop.signal.aborted) return;
    if (!this.#mayLinger()) this.#linger.end();
    this.#running ??= this.#run().then(
      () => {
        this.#running = undefined;
        // Something may have come in between the last look and here.
        if (this.#intake.records > 0) this.wake();
      },
      (thrown: unknown) => {
        this.#running = undefined;
        this.#settings.report('the audit log stumbled over a mistake of its own', thrown);
      },
    );
  }

  /** Asks for a new boot before the next batch. */
  endBoot(why: string): void {
    this.#bootOver = why;
    this.wake();
  }

  /** Resolves when nothing is queued or under way, at the latest after `limitMs`; then says whether all was written. */
  async drain(limitMs: number): Promise<boolean> {
    this.#draining = true;
    this.#linger.end();
    const patience = new AbortController();
    const limit = sleep(limitMs, 'late' as const, { signal: patience.signal }).catch(() => undefined);
    let late = false;
    while (this.#running !== undefined && !late) late = (await Promise.race([this.#running, limit])) === 'late';
    patience.abort();
    return this.#running === undefined && this.#intake.records === 0;
  }

  /** Stops at once. Whoever still waits for a record is told that it was not written. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#linger.end();
    await this.#session?.close();
    await this.#running;
    for (const group of this.#intake.groups()) this.#turnAway(group, undefined);
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      if (this.#bootOver !== undefined && !(await this.#changeBoot(this.#bootOver))) continue;
      // Not a timer: whoever the last commit answered, and whatever has arrived by now, gets into this batch.
      await nextTurn();
      if (this.#mayLinger()) await this.#linger.wait(lingerMs);
      const groups = this.#intake.take();
      if (groups.length > 0) {
        await this.#commit(groups);
      } else if (this.#breaker.open) {
        await this.#probe();
      } else {
        return;
      }
    }
  }

  /** Only outcomes that nobody waits for, and few: whoever just got one of these replies is likely to call again. */
  #mayLinger(): boolean {
    return this.#intake.patient && this.#intake.records < lingerRecords && !this.#draining && !this.#breaker.open;
  }

  async #commit(groups: readonly Group[]): Promise<void> {
    const encoded = groups.flatMap(group => group.entries.map(entry => entry.encoded));
    const batch = buildBatch(encoded, this.#nextWseq);
    this.#inFlight = batch.count;
    try {
      await this.#tryUntilSettled(groups, batch);
    } finally {
      this.#inFlight = 0;
    }
  }

  async #tryUntilSettled(groups: readonly Group[], batch: Batch): Promise<void> {
    let ambiguous = false;
    while (!this.#stop.signal.aborted) {
      try {
        const session = await this.#connected();
        const bootId = this.#settings.bootId();
        const firstIndex = await appendBatch(session, bootId, batch, groups[0]?.claim, this.#settings.appendMs);
        this.#nextWseq += batch.count;
        this.#breaker.succeeded();
        this.#settings.onDurable({ bootId, firstWseq: batch.firstWseq, firstIndex, leaves: batch.leaves });
        for (const group of groups) this.#settings.landed(group);
        return;
      } catch (thrown) {
        const failure = readAppendFailure(thrown);
        switch (failure) {
          case 'ambiguous':
            // From here on only an answer to this very batch, under the same counter, says what became of it.
            ambiguous = true;
            await this.#dropSession();
            await this.#failed(thrown);
            continue;
          case 'unsent':
          case 'later':
            if (!ambiguous) this.#intake.putBack(groups);
            await this.#failed(thrown);
            if (!ambiguous) return;
            continue;
          case 'boot-over':
            this.#intake.putBack(groups);
            await this.#changeBoot(thrown instanceof Error ? thrown.message : String(thrown));
            return;
          case 'claim-refused':
          case 'ended':
          case 'unfit':
            this.#refuse(groups, failure, thrown);
            return;
        }
      }
    }
    for (const group of groups) this.#turnAway(group, undefined);
  }

  /** The database answered that it will never take this batch: look for the culprit, then tell it. */
  #refuse(groups: readonly Group[], failure: 'claim-refused' | 'ended' | 'unfit', cause: unknown): void {
    this.#breaker.succeeded();
    const [only, second] = groups;
    if (only === undefined) return;
    if (second !== undefined) {
      for (const group of groups) group.alone = true;
      this.#intake.putBack(groups);
      return;
    }
    only.state = 'done';
    this.#intake.release(only);
    if (failure === 'claim-refused') {
      // approval_claim words its refusals for people.
      const why = cause instanceof Error ? cause.message : 'the approval cannot be used';
      only.settle(new GateError('conflict', `${why}; ask for a new approval`, { cause }));
    } else if (failure === 'ended') {
      only.settle(new GateError('conflict', 'the call or boot has an end in the audit log already', { cause }));
    } else {
      this.#settings.report('the database refused a record for its content', cause);
      only.settle(unavailable(cause));
    }
  }

  async #changeBoot(why: string): Promise<boolean> {
    try {
      await this.#settings.nextBoot(why);
      this.#nextWseq = 1;
      this.#bootOver = undefined;
      return true;
    } catch (thrown) {
      this.#bootOver = why;
      await this.#failed(thrown);
      return false;
    }
  }

  async #probe(): Promise<void> {
    try {
      const session = await this.#connected();
      await session.query('SELECT 1', [], { timeoutMs: this.#settings.appendMs });
      this.#breaker.succeeded();
    } catch (thrown) {
      await this.#dropSession();
      await this.#failed(thrown);
    }
  }

  /** Counts the failure, turns waiting callers away once the breaker is open, and waits before the next try. */
  async #failed(thrown: unknown): Promise<void> {
    const opened = this.#breaker.failed(thrown instanceof Error ? thrown.message : String(thrown));
    if (opened) this.#settings.report('the audit database does not take records', thrown);
    if (this.#breaker.open) {
      for (const group of this.#intake.takeAwaited()) this.#turnAway(group, thrown);
    }
    await sleep(this.#breaker.pauseMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  #turnAway(group: Group, cause: unknown): void {
    if (group.state === 'waiting') group.settle(unavailable(cause));
    group.state = 'done';
    this.#intake.release(group);
  }

  async #connected(): Promise<Session> {
    if (this.#session?.lost.aborted === false) return this.#session;
    this.#session = undefined;
    const session = await openSession(this.#settings.connection);
    this.#session = session;
    return session;
  }

  async #dropSession(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.close();
  }
}

/** What a caller is told when a record cannot be made durable. Nothing of theirs was forwarded. */
export function unavailable(cause?: unknown): GateError {
  const message = 'the audit log cannot be written, so the call was not forwarded; try again shortly';
  return new GateError('audit-unavailable', message, { cause });
}
