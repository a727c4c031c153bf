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
export async function reapOnce({ pool, audit, log, silenceMs = 30_000 }: ReaperSettings): Promise<void> {
  const boots = await pool.query<Boot>(bootsToReap, [audit.bootId, silenceMs / 1_000]);
  for (const boot of boots) {
    if (!boot.ended) log.warn({ boot: boot.boot_id }, 'a gateway process was lost; ending its open calls as unknown');
    await reapBoot(pool, audit, boot).catch((error: unknown) => {
      // Another replica was faster, or a late outcome came in between. The next look sees what is left.
      if (!(error instanceof GateError && error.code === 'conflict')) throw error;
    });
  }
}

async function reapBoot(pool: Queryable, audit: ReaperSettings['audit'], boot: Boot): Promise<void> {
  let first: AuditRecord[] = boot.ended ? [] : [bootLost(boot)];
  for (;;) {
    const calls = await pool.query<{ idx: number; body: string }>(openCalls, [boot.boot_id, callsAtOnce]);
    await audit.append([...first, ...calls.map(call => callUnknown(boot, call))]);
    first = [];
    if (calls.length < callsAtOnce) return;
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
