import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import type { DurableBatch } from '../core/durable-batch.ts';
import { GateError } from '../core/gate-error.ts';
import { type ConnectionSettings, openSession, type Session } from '../db/connection.ts';
import { createSigner, parseVerifier } from '../tlog/note.ts';
import type { SealingSettings } from './config.ts';
import { Follower } from './follower.ts';
import { ForkError } from './fork.ts';
import { OwnLeaves } from './own-leaves.ts';
import { Sealer } from './sealer.ts';
import { readSealState, type SealState, setStateAside, writeSealState } from './state-file.ts';
import { createSealStore, type SealStore } from './store.ts';
import { Witnessing, type WitnessStanding } from './witnessing.ts';

export interface SealingOptions {
  readonly settings: SealingSettings;
  /** Login with the rights of talosgate_sealer. */
  readonly connection: ConnectionSettings;
  readonly clock: Clock;
  /** Takes what an operator should read. Alarms are told once each. */
  readonly report: (problem: string, cause?: unknown) => void;
  /** Pause between two looks at the log, in milliseconds. Default 1,000. */
  readonly everyMs?: number | undefined;
  /** Pause between two rounds of the witnesses, in milliseconds. Default 10,000. */
  readonly witnessEveryMs?: number | undefined;
}

export interface SealingHealth {
  /** False: the log is not what was signed, or own records have not been covered by a checkpoint for 30 s. */
  readonly ok: boolean;
  /** For a public page: names no record. */
  readonly message: string;
  /** Records that the newest checkpoint covers. */
  readonly size: number;
  /** Age of the oldest own record that no checkpoint covers, in seconds. */
  readonly lagSeconds: number;
  /** Why the log is held to be forked. */
  readonly fork: string | undefined;
  /** This process signs at the moment. */
  readonly signs: boolean;
  /** Own records that could not be kept until a checkpoint covered them. */
  readonly unchecked: number;
  readonly witnesses: readonly WitnessStanding[];
}

/** Signs the log, or watches that somebody else does, and that this process's own records are in it. */
export interface Sealing {
  /** To be told of each batch that is durable. */
  onDurable(batch: DurableBatch): void;
  health(): SealingHealth;
  /** Seals what is left, if this process signs, and lets go. */
  close(): Promise<void>;
}

const lagAlarmSeconds = 5;
const lagLimitSeconds = 30;
const witnessTimeoutMs = 4_000;
const lockText = `SELECT pg_try_advisory_lock(hashtextextended('talosgate.sealer', 0)) AS held`;

/**
 * Starts sealing and has the first look at the log. Rejects with GateError `bad-config` when the state file belongs to
 * another log. A log that is forked does not stop the start: it shows in `health`.
 */
export async function startSealing(options: SealingOptions): Promise<Sealing> {
  const { settings, clock, report } = options;
  const signer = createSigner(settings.origin, settings.key, 'note');
  const witnesses = settings.witnesses.map(({ url, key }) => ({ url, key: parseVerifier(key) }));
  const own = new OwnLeaves();
  const stop = new AbortController();
  const witnessing = new Witnessing(settings.origin, witnesses, clock);

  let session: Session | undefined;
  let holdsLock = false;
  let lagTold = false;
  let troubleTold = false;
  let nextRound = 0;
  let round: Promise<void> | undefined;

  const connected = async (): Promise<{ session: Session; store: SealStore }> => {
    if (session === undefined || session.lost.aborted) {
      holdsLock = false;
      session = await openSession({ ...options.connection, applicationName: 'talosgate seal' });
    }
    return { session, store: createSealStore(session) };
  };

  const remembered = await takeUp(settings, await readSealState(settings.state), async () => {
    const origins = await (await connected()).store.origins();
    return origins.some(({ origin, follows }) => origin === settings.origin && follows !== null);
  });
  let fork = remembered?.fork;
  const follower = new Follower(signer.verifier, own, remembered?.frontier);
  const sealer = new Sealer(signer, follower);
  if (fork !== undefined) report(`the audit log is forked and will not be signed: ${fork}`);

  const remember = async (): Promise<void> =>
    await writeSealState(settings.state, { origin: settings.origin, frontier: follower.frontier, fork });

  const look = async (): Promise<void> => {
    const { session: on, store } = await connected();
    if (await follower.follow(store)) await remember();
    if (!holdsLock) {
      const [row] = await on.query<{ held: boolean }>(lockText);
      holdsLock = row?.held === true;
      // Whoever begins to sign asks the witnesses first: they may know more than this database does.
      if (holdsLock) await witnessing.round(store, witnessTimeoutMs);
    }
    if (!holdsLock) return;
    let outcome = await sealer.seal(store);
    while (outcome === 'added') {
      await remember();
      outcome = stop.signal.aborted ? 'nothing' : await sealer.seal(store);
    }
    if (clock.monotonic() >= nextRound && round === undefined) {
      nextRound = clock.monotonic() + (options.witnessEveryMs ?? 10_000) * 1_000;
      // Beside the sealing: a witness that hangs must not hold it up.
      round = witnessing
        .round(store, witnessTimeoutMs)
        .then(tellWitnesses, failed)
        .finally(() => {
          round = undefined;
        });
    }
  };

  const trouble = new Map<string, string>();
  const tellWitnesses = (): void => {
    for (const { name, trouble: now } of witnessing.standings) {
      if (now !== undefined && !trouble.has(name)) report(`witness ${name} does not cosign: ${now}`);
      if (now === undefined) trouble.delete(name);
      else trouble.set(name, now);
    }
  };

  const lagSeconds = (): number => (own.since === undefined ? 0 : (clock.monotonic() - own.since) / 1_000_000);
  const tellLag = (): void => {
    const late = lagSeconds() > lagAlarmSeconds;
    if (late && !lagTold) report(`records of this process have not been sealed for ${lagAlarmSeconds} s`);
    lagTold = late;
  };

  const once = async (): Promise<void> => {
    try {
      if (fork === undefined) await look();
      troubleTold = false;
    } catch (thrown) {
      await failed(thrown);
    }
    tellLag();
  };

  const failed = async (thrown: unknown): Promise<void> => {
    if (thrown instanceof ForkError) {
      fork ??= thrown.message;
      report(`the audit log is forked and will not be signed: ${fork}`);
      await remember().catch((cause: unknown) => report('the state of the sealing cannot be written', cause));
      // The right to sign goes to whoever has been told how to go on.
      holdsLock = false;
      await session?.close();
    } else {
      if (!troubleTold) report('the audit log cannot be sealed at the moment', thrown);
      troubleTold = true;
      if (session?.lost.aborted === false) await session.close();
    }
  };

  const run = async (): Promise<void> => {
    const pause = async (): Promise<boolean> =>
      await sleep(options.everyMs ?? 1_000, true, { signal: stop.signal }).catch(() => false);
    while (await pause()) await once();
  };

  await once();
  const running = run();

  return {
    onDurable: batch => own.add(batch, clock.monotonic()),
    health: () => {
      const lag = lagSeconds();
      const late = lag > lagLimitSeconds;
      const message =
        fork !== undefined
          ? 'the log is not the one that was signed; see the process log'
          : late
            ? `records have not been sealed for ${lagLimitSeconds} s`
            : `${follower.frontier.size} records are sealed`;
      return {
        ok: fork === undefined && !late,
        message,
        size: follower.frontier.size,
        lagSeconds: lag,
        fork,
        signs: holdsLock && fork === undefined,
        unchecked: own.unchecked,
        witnesses: witnessing.standings,
      };
    },
    close: async () => {
      stop.abort();
      await running;
      await round;
      if (holdsLock) await once();
      await round;
      await session?.close();
    },
  };
}

/** A state of another origin counts for nothing once the database says that ours follows; then it is set aside. */
async function takeUp(
  settings: SealingSettings,
  state: SealState | undefined,
  isSuccessor: () => Promise<boolean>,
): Promise<SealState | undefined> {
  if (state === undefined || state.origin === settings.origin) return state;
  if (!(await isSuccessor())) {
    throw new GateError(
      'bad-config',
      `${settings.state} belongs to the log ${state.origin}, sealing.origin is ${settings.origin}; ` +
        'a new origin is opened with "talosgate audit fork"',
    );
  }
  await setStateAside(settings.state, state);
  return undefined;
}
