import type { EndCause } from '../core/audit-record.ts';
import type { Clock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import type { Pool } from '../db/pool.ts';
import { type ChunkStore, createChunkStore } from './chunk-store.ts';
import { type KeyHolders, wrapKey } from './keys.ts';
import { keysDigest } from './keys-digest.ts';
import { type Killed, watchOrders } from './orders.ts';
import { endLostSessions } from './orphans.ts';
import { Recording, type SessionLog } from './recording.ts';
import { type ActedFrom, type SessionFacts, sessionRecord } from './records.ts';
import * as sql from './statements.ts';

/** How a session came to its end. */
export interface SessionEnd {
  readonly cause: EndCause;
  readonly exitCode: number | undefined;
}

/** Told to whoever runs a session; each at most once. */
export interface SessionEvents {
  /** Somebody ended it from outside. */
  readonly onKill: (killed: Killed) => void;
  /** It cannot be recorded any more, or others hold it for lost: it has to end now. */
  readonly onFailure: (error: GateError) => void;
}

/** The recorded sessions of this process, and orders to those of any. */
export interface Sessions {
  /**
   * Announces a session; its record is durable when this resolves. Rejects with GateError `audit-unavailable` when that
   * cannot be: then nothing may be forwarded.
   */
  begin(facts: SessionFacts, details: Readonly<Record<string, string>>, events: SessionEvents): Promise<Recording>;
  /** Records the end; never rejects, and goes on in the background while the database is away. */
  end(recording: Recording, end: SessionEnd): void;
  /** Ends a session on whichever replica it runs. Rejects with `not-found` and `conflict` (over already). */
  kill(facts: SessionFacts, by: string, reason: string, from: ActedFrom): Promise<void>;
  /** Ends what lost processes left open; see `orphans.ts`. For a timer, and after a process was declared lost. */
  sweep(): Promise<void>;
  readonly running: number;
  close(): Promise<void>;
}

export interface SessionsOptions {
  readonly database: Pool;
  readonly log: SessionLog & { readonly bootId: string };
  readonly clock: Clock;
  readonly holders: KeyHolders;
  readonly keepEchoed: boolean;
  readonly report: (problem: string, cause: unknown) => void;
  /** How long recording may stand still before the session ends, in milliseconds. Default 9,000. */
  readonly patienceMs?: number | undefined;
}

/** A little less than the ten seconds that are promised: the container's stream has to be closed within them. */
const defaultPatienceMs = 9_000;
const answerMs = 3_000;
const sweepMs = 5_000;

interface Running {
  readonly recording: Recording;
  readonly events: SessionEvents;
}

export function createSessions(options: SessionsOptions): Sessions {
  const { database, log, clock, holders, keepEchoed, report, patienceMs = defaultPatienceMs } = options;
  const store: ChunkStore = createChunkStore(database);
  const running = new Map<string, Running>();
  const ending = new Set<Promise<void>>();
  const orders = watchOrders({
    database,
    clock,
    patienceMs,
    ids: () => [...running.keys()],
    onKill: (id, killed) => running.get(id)?.events.onKill(killed),
    onOver: (id, error) => running.get(id)?.recording.fail(error),
  });
  const sweep = (): Promise<void> => endLostSessions(database, log);
  const timer = setInterval(() => {
    sweep().catch((error: unknown) => report('looking for sessions of lost gateway processes failed', error));
  }, sweepMs);
  timer.unref();

  const writeEnd = async (recording: Recording, end: SessionEnd): Promise<void> => {
    await recording.flush();
    const { facts, chunks, failure } = recording;
    const cause = failure === undefined ? end.cause : 'audit';
    const exitCode = end.exitCode === undefined ? {} : { exitCode: String(end.exitCode) };
    const record = sessionRecord('session.ended', facts, {
      cause,
      ...exitCode,
      ...(chunks === undefined ? {} : { chunks: String(chunks) }),
      outputBytes: String(recording.outputBytes),
      inputBytes: String(recording.inputBytes),
      durationMs: String(Math.round(recording.elapsedUs / 1000)),
    });
    recording.close();
    await log.enqueue(record);
    await database.query(sql.finish, [facts.id, 'ended', cause, end.exitCode ?? null], { timeoutMs: answerMs });
  };

  return {
    get running() {
      return running.size;
    },
    begin: async (facts, details, events) => {
      const dataKey = clock.random(32);
      const keys = JSON.stringify(wrapKey(dataKey, facts.id, holders, clock));
      const { id, approvalId, principal, cluster, node, resource } = facts;
      const params = [id, log.bootId, approvalId ?? null, principal, cluster, node, resource, keys];
      await database.query(sql.begin, params, { timeoutMs: answerMs }).catch((cause: unknown) => {
        throw new GateError('audit-unavailable', 'the session cannot be recorded, so it was not started', { cause });
      });
      await log.append([sessionRecord('session.started', facts, { ...details, keys: keysDigest(keys) })]);
      const recording = new Recording({
        facts,
        dataKey,
        store,
        log,
        clock,
        keepEchoed,
        patienceMs,
        onFailure: error => {
          running.delete(id);
          events.onFailure(error);
        },
      });
      running.set(id, { recording, events });
      orders.look();
      return recording;
    },
    end: (recording, end) => {
      running.delete(recording.facts.id);
      const done = writeEnd(recording, end)
        .catch((error: unknown) => report(`the end of session ${recording.facts.id} could not be written`, error))
        .finally(() => ending.delete(done));
      ending.add(done);
    },
    kill: async (facts, by, reason, from) => {
      const acted = { principal: by, action: 'sessions.kill', from };
      // First the record: who killed stands in the log even if the order then comes too late.
      await log.append([sessionRecord('session.killed', facts, { reason }, acted)]);
      const [row] = await database.query<{ outcome: string }>(sql.kill, [facts.id, by, reason], {
        timeoutMs: answerMs,
      });
      if (row?.outcome === 'ok') return;
      if (row?.outcome === 'over') throw new GateError('conflict', `session ${facts.id} is over already`);
      throw new GateError('not-found', `no session ${facts.id}; see: talosgate sessions list`);
    },
    sweep,
    close: async () => {
      clearInterval(timer);
      await orders.close();
      await Promise.race([Promise.all(ending), pause(5_000)]);
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, ms).unref();
  });
}
