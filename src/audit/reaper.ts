import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditRecord } from '../core/audit-record.ts';
import { GateError } from '../core/gate-error.ts';
import type { Queryable } from '../db/query.ts';
import { decodeBody } from './decode.ts';
import type { AuditLog } from './log.ts';

const bootsToReap = {
  name: 'audit.reap.boots',
  text: `SELECT boot_id, ended, last_wseq, beat_at
    FROM talosgate.audit_boots_to_reap($1, make_interval(secs => $2))`,
};
const openCalls = { name: 'audit.reap.calls', text: 'SELECT idx, body FROM talosgate.audit_open_calls($1, $2)' };
const callsAtOnce = 100;
const attempts = 3;
const betweenAttemptsMs = 250;

interface Boot {
  readonly boot_id: string;
  readonly ended: boolean;
  readonly last_wseq: number;
  readonly beat_at: Date;
}

export interface ReaperSettings {
  /** Login with the rights of talosgate_writer. */
  readonly pool: Queryable;
  /** Through which the ends are written. */
  readonly audit: Pick<AuditLog, 'append' | 'bootId'>;
  readonly log: { warn(fields: object, message: string): void };
  /**
   * Told of each `call.unknown` once it is durable, by the replica that wrote it, and awaited. Told up to three times when
   * it rejects; then that is logged and left.
   */
  readonly onUnknown?: ((record: AuditRecord) => Promise<void>) | undefined;
  /** Silence after which a boot counts as lost, when its lock is free too. Default 30,000 ms. */
  readonly silenceMs?: number | undefined;
  /** Time between two looks. Default 10,000 ms. */
  readonly everyMs?: number | undefined;
}

/**
 * Gives an end to what other processes left open: `boot.lost` for a process that is gone without a word, `call.unknown` for
 * each of its calls that began and has no outcome. Every replica runs one; the database lets only the first one win.
 */
export function startReaper(settings: ReaperSettings): { close(): Promise<void> } {
  const stop = new AbortController();
  const { everyMs = 10_000 } = settings;
  const running = (async () => {
    while (!stop.signal.aborted) {
      await reapOnce(settings).catch((error: unknown) => {
        settings.log.warn({ err: error }, 'looking for lost gateway processes failed, trying again');
      });
      await sleep(everyMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  return {
    close: async () => {
      stop.abort();
      await running;
    },
  };
}

/** Looks once, and ends what is found. Rejects when the database does not answer. */
export async function reapOnce(settings: ReaperSettings): Promise<void> {
  const { pool, audit, log, silenceMs = 30_000 } = settings;
  const boots = await pool.query<Boot>(bootsToReap, [audit.bootId, silenceMs / 1_000]);
  for (const boot of boots) {
    if (!boot.ended) log.warn({ boot: boot.boot_id }, 'a gateway process was lost; ending its open calls as unknown');
    await reapBoot(settings, boot).catch((error: unknown) => {
      // Another replica was faster, or a late outcome came in between. The next look sees what is left.
      if (!(error instanceof GateError && error.code === 'conflict')) throw error;
    });
  }
}

async function reapBoot(settings: ReaperSettings, boot: Boot): Promise<void> {
  const { pool, audit } = settings;
  let first: AuditRecord[] = boot.ended ? [] : [bootLost(boot)];
  for (;;) {
    const calls = await pool.query<{ idx: number; body: string }>(openCalls, [boot.boot_id, callsAtOnce]);
    const unknown = calls.map(call => callUnknown(boot, call));
    await audit.append([...first, ...unknown]);
    await tell(settings, unknown);
    first = [];
    if (calls.length < callsAtOnce) return;
  }
}

async function tell({ onUnknown, log }: ReaperSettings, unknown: readonly AuditRecord[]): Promise<void> {
  for (const record of unknown) {
    for (let attempt = 1; onUnknown !== undefined && attempt <= attempts; attempt += 1) {
      try {
        await onUnknown(record);
        break;
      } catch (error) {
        const { callId, approvalId } = record;
        log.warn({ err: error, callId, approvalId, attempt }, 'what follows from a lost call could not be done');
        if (attempt < attempts) await sleep(betweenAttemptsMs);
      }
    }
  }
}

function bootLost(boot: Boot): AuditRecord {
  return {
    kind: 'boot.lost',
    details: {
      boot: boot.boot_id,
      lastWseq: String(boot.last_wseq),
      lastBeat: boot.beat_at.toISOString(),
    },
  };
}

function callUnknown(boot: Boot, call: { readonly idx: number; readonly body: string }): AuditRecord {
  const { record } = decodeBody(call.body);
  const { callId, leg, approvalId, principal, principalKind, method, action, risk, resource, cluster, node } = record;
  return {
    kind: 'call.unknown',
    callId,
    leg,
    approvalId,
    principal,
    principalKind,
    method,
    action,
    risk,
    resource,
    cluster,
    node,
    reason: 'gateway-lost',
    details: { boot: boot.boot_id, intent: String(call.idx) },
  };
}
