import type { AuditRecord } from '../core/audit-record.ts';
import { type Clock, systemClock, uuidv7 } from '../core/clock.ts';
import type { DurableBatch } from '../core/durable-batch.ts';
import { GateError } from '../core/gate-error.ts';
import type { ConnectionSettings } from '../db/connection.ts';
import { BootPresence } from './boot.ts';
import { Breaker, type BreakerSettings, defaultBreaker } from './breaker.ts';
import { Committer, unavailable } from './committer.ts';
import { DropReport } from './drop-report.ts';
import { type Claim, createEntry, type Group, type Lane, recode } from './entry.ts';
import { defaultLimits, Intake, type IntakeLimits } from './intake.ts';
import { notForwarded } from './not-forwarded.ts';

export interface AppendOptions {
  /** When the caller's own deadline is, in milliseconds since the epoch. */
  readonly deadline?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Set for callers who have not proved who they are. They have a quarter of the queue, so that others keep theirs. */
  readonly stranger?: boolean | undefined;
}

export interface EnqueueOptions {
  /**
   * Set where nobody waits for the promise: the record may wait up to 5 ms for others to share a commit with, so that the
   * next intent does not have to wait for a commit that nobody is interested in.
   */
  readonly patient?: boolean | undefined;
}

export interface AuditHealth {
  readonly ok: boolean;
  /** Records that wait or are under way. */
  readonly queued: number;
  readonly lastError: string | undefined;
  /** Records given to `enqueue` that could not be kept, since start. No outcome of an intent is among them. */
  readonly dropped?: number | undefined;
  /** Outcomes for which room is kept: those of intents that wait, are under way, or are open. */
  readonly reserved?: number | undefined;
  /** How long the database has not answered, in milliseconds; 0 while it does. */
  readonly awayMs?: number | undefined;
}

/** The writing end of the audit log. One per process. */
export interface AuditLog {
  /** Changes when another replica declared this process lost while it was silent. */
  readonly bootId: string;
  /**
   * Resolves when all records are durable, in one commit. Rejects with GateError `audit-unavailable` within the budget
   * (3 s, or 100 ms before the deadline), at once while the database is known to be away; `overloaded` when the queue is
   * full, or when there is no room left for the outcomes of the intents among the records; `cancelled` when the signal
   * fires. An intent that lands after its caller was told otherwise is ended by the log itself, with an outcome whose cause
   * is `not-forwarded`. Every other intent that becomes durable has to be ended by its caller, with one outcome.
   */
  append(records: readonly AuditRecord[], options?: AppendOptions): Promise<void>;
  /** Same, and uses up the approval in the same transaction. Rejects with `conflict` when that cannot be; nothing was written then. */
  appendClaim(records: readonly AuditRecord[], claim: Claim, options?: AppendOptions): Promise<void>;
  /**
   * Takes a record for which nobody has to wait. The first outcome of an intent that this process wrote always fits: its
   * room was kept from the start, and it stays in memory until it is durable or the process ends, and goes before new
   * intents. Every other record is dropped when there is no room for it: the promise rejects with `overloaded` at once and
   * `health().dropped` counts it. The promise resolves when the record is durable; ignoring it is safe.
   */
  enqueue(record: AuditRecord, options?: EnqueueOptions): Promise<void>;
  health(): AuditHealth;
  /** Refuses new records, writes what is queued (at most `drainMs`), then the boot's last record. */
  close(): Promise<void>;
}

export interface AuditLogSettings {
  /** Login with the rights of talosgate_writer. */
  readonly connection: ConnectionSettings;
  /** Name of this replica, for people. */
  readonly replica: string;
  readonly clock?: Clock | undefined;
  /** Takes what an operator should read. */
  readonly report?: ((problem: string, cause: unknown) => void) | undefined;
  readonly limits?: Partial<IntakeLimits> | undefined;
  /** Told of each intent that landed although its caller had been told that it did not, beside the outcome that the log writes. */
  readonly onUnforwarded?: ((intent: AuditRecord) => void) | undefined;
  /** Told of each batch that is durable now, in order and before whoever waits for one of its records. */
  readonly onDurable?: ((batch: DurableBatch) => void) | undefined;
  readonly breaker?: Partial<BreakerSettings> | undefined;
  /** What is in force in this process, for `boot.open`. Never a secret. */
  readonly inForce?: AuditRecord['details'] | undefined;
  /** Longest wait for the answer to one batch. Default 2,000 ms. */
  readonly appendMs?: number | undefined;
  /** Longest wait of one caller. Default 3,000 ms. */
  readonly budgetMs?: number | undefined;
  /** Time between signs of life. Default 5,000 ms. */
  readonly beatMs?: number | undefined;
  /** Longest that `close` goes on writing. Default 30,000 ms. */
  readonly drainMs?: number | undefined;
}

interface GroupOptions {
  readonly claim?: Claim | undefined;
  readonly patient?: boolean | undefined;
}

/** How much earlier than the caller's deadline the log gives up, so that the refusal still gets there. */
const deadlineMarginMs = 100;

// The server must notice within half a minute that this host is gone: the lock of a dead boot hangs on its connection.
const keepAlive = '-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3';

/** Opens the log: announces the boot and writes `boot.open`. Rejects with `audit-unavailable` when that is impossible. */
export async function openAuditLog(settings: AuditLogSettings): Promise<AuditLog> {
  const {
    clock = systemClock,
    report = () => undefined,
    budgetMs = 3_000,
    drainMs = 30_000,
    replica,
    inForce,
  } = settings;
  const intake = new Intake({ ...defaultLimits, ...settings.limits });
  const breakerSettings = { ...defaultBreaker, ...settings.breaker };
  const breaker = new Breaker(breakerSettings, clock);
  const drops = new DropReport(clock, report);
  let phase: 'open' | 'closing' | 'closed' = 'open';

  const presence = new BootPresence(uuidv7(clock), {
    connection: { ...settings.connection, applicationName: 'talosgate audit boot', options: keepAlive },
    replica,
    clock,
    beatMs: settings.beatMs ?? 5_000,
    retryMs: breakerSettings.probeMs,
    onLost: () => committer.endBoot('declared lost by another replica'),
  });

  const committer = new Committer(intake, breaker, {
    connection: { ...settings.connection, applicationName: 'talosgate audit' },
    appendMs: settings.appendMs ?? 2_000,
    bootId: () => presence.id,
    nextBoot: async why => {
      const former = presence.id;
      await presence.begin(uuidv7(clock));
      report(`audit boot ${former} is over (${why}), continuing as ${presence.id}`, undefined);
      for (const group of intake.groups()) for (const entry of group.entries) recode(entry, presence.id);
      intake.putBack([
        createGroup([{ kind: 'boot.open', details: { ...inForce, replica, former, why } }], 'outcome', () => undefined),
      ]);
    },
    onDurable: batch => {
      try {
        settings.onDurable?.(batch);
      } catch (thrown) {
        report('whoever follows the durable records stumbled', thrown);
      }
    },
    landed: group => {
      if (group.state === 'given-up') for (const { record } of group.entries) endUnforwarded(record);
      else group.settle();
      group.state = 'done';
    },
    report,
  });

  const createGroup = (
    records: readonly AuditRecord[],
    lane: Lane,
    settle: (error?: Error) => void,
    { claim, patient = false }: GroupOptions = {},
  ): Group => {
    const entries = records.map(record => createEntry(record, presence.id, clock));
    const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    return { entries, claim, bytes, lane, patient, state: 'waiting', alone: false, settle };
  };

  const submit = (
    records: readonly AuditRecord[],
    lane: Lane,
    options: GroupOptions = {},
  ): [Group, Promise<undefined>] => {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const group = createGroup(
      records,
      lane,
      error => (error === undefined ? resolve(undefined) : reject(error)),
      options,
    );
    intake.offer(group);
    committer.wake();
    return [group, promise];
  };

  const enqueue = async (record: AuditRecord, { patient }: EnqueueOptions = {}): Promise<void> => {
    try {
      if (phase === 'closed') throw new GateError('draining', 'the audit log is closed');
      await submit([record], intake.laneOf(record), { patient })[1];
    } catch (error) {
      drops.count(error);
      throw error;
    }
  };

  /** An intent whose caller was told "no" has landed all the same: say that nothing followed. */
  const endUnforwarded = (intent: AuditRecord): void => {
    const outcome = notForwarded(intent);
    if (outcome === undefined) return;
    enqueue(outcome).catch(() => undefined);
    settings.onUnforwarded?.(intent);
  };

  const append = async (records: readonly AuditRecord[], options: AppendOptions, claim?: Claim): Promise<void> => {
    if (records.length === 0) return;
    if (phase !== 'open') throw new GateError('draining', 'talosgate is shutting down; try again shortly');
    if (options.signal?.aborted === true) throw new GateError('cancelled', 'the call was cancelled by its caller');
    if (breaker.open) throw unavailable();
    const left = options.deadline === undefined ? budgetMs : options.deadline - clock.now() - deadlineMarginMs;
    if (left <= 0) throw new GateError('deadline-exceeded', 'too little time was left to record the call');
    const [group, written] = submit(records, options.stranger === true ? 'stranger' : 'awaited', { claim });
    await within(group, written, Math.min(budgetMs, left), options.signal);
  };

  try {
    await presence.begin();
    await within(...submit([{ kind: 'boot.open', details: { ...inForce, replica } }], 'awaited'), budgetMs, undefined);
  } catch (error) {
    await presence.close();
    await committer.close();
    throw error instanceof GateError ? error : unavailable(error);
  }

  return {
    get bootId() {
      return presence.id;
    },
    append: (records, options = {}) => append(records, options),
    appendClaim: (records, claim, options = {}) => append(records, options, claim),
    enqueue: (record, options) => {
      const written = enqueue(record, options);
      written.catch(() => undefined);
      return written;
    },
    health: () => ({
      ok: !breaker.open,
      queued: intake.records + committer.inFlight,
      lastError: breaker.reason,
      dropped: drops.total,
      reserved: intake.reserved,
      awayMs: Math.max(breaker.failingMs, presence.awayMs),
    }),
    close: async () => {
      if (phase !== 'open') return;
      phase = 'closing';
      const drained = await committer.drain(drainMs);
      drops.tell();
      phase = 'closed';
      if (drained) {
        const last = { kind: 'boot.close', details: { lastWseq: String(committer.lastWseq) } } as const;
        await within(...submit([last], 'unawaited'), budgetMs, undefined).catch((error: unknown) => {
          report('the last record of this boot could not be written', error);
        });
      } else {
        report(
          `${intake.records + committer.inFlight} audit records could not be written before the end`,
          breaker.reason,
        );
      }
      await committer.close();
      await presence.close();
    },
  };
}

/** Waits for a group within its budget. Whoever gives up marks the group, because it may land later. */
async function within(
  group: Group,
  written: Promise<undefined>,
  budgetMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const giveUp = (error: GateError): void => {
    if (group.state === 'waiting') group.state = 'given-up';
    reject(error);
  };
  const timer = setTimeout(() => giveUp(unavailable(`no commit within ${Math.round(budgetMs)} ms`)), budgetMs);
  const onAbort = (): void => giveUp(new GateError('cancelled', 'the call was cancelled by its caller'));
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([written, promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    written.catch(() => undefined);
    promise.catch(() => undefined);
  }
}
