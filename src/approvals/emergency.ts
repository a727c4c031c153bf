import type { Approval } from '../core/approval.ts';
import type { AuditRecord } from '../core/audit-record.ts';
import type { Clock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import type { Queryable } from '../db/query.ts';
import { callFunction } from './database.ts';
import { newApprovalId } from './id.ts';
import { approvalRecord } from './records.ts';
import { parseApproval } from './rows.ts';
import * as sql from './statements.ts';
import type { NewApproval } from './store.ts';

/** Settings of emergency starts; times in milliseconds. */
export interface EmergencySettings {
  readonly enabled: boolean;
  /** How old the proof of identity may be. */
  readonly fresh: number;
  /** Whose open review keeps another emergency from starting. */
  readonly blocked_by: 'anyone' | 'own' | 'none';
}

/** What the door knows of who wants to go alone. */
export interface EmergencyCaller {
  readonly kind: 'person' | 'machine';
  /** When they last proved who they are, milliseconds since the epoch; undefined: it cannot be said. */
  readonly provenAt: number | undefined;
  /** Whether policy allows them `approvals.emergency` on the action at the node. */
  readonly allowed: boolean;
}

/** Says why somebody may not go alone, in words for them; undefined when they may. */
export function whyNotAlone(settings: EmergencySettings, caller: EmergencyCaller, now: number): string | undefined {
  if (!settings.enabled) return 'starting alone in an emergency is not enabled here';
  if (!caller.allowed || caller.kind !== 'person') return 'you may not start alone in an emergency';
  const minutes = Math.max(1, Math.round(settings.fresh / 60_000));
  if (caller.provenAt === undefined || now - caller.provenAt > settings.fresh) {
    return `an emergency needs a proof of identity that is not older than ${minutes} min; log in again`;
  }
  return undefined;
}

/** Grants a call to its requester alone and opens the review. */
export interface EmergencyDesk {
  readonly settings: EmergencySettings;
  /**
   * Gives the grant, new or there already. Whether the caller may is asked before (`whyNotAlone`). Rejects with GateError
   * `approval-refused` while a review is in the way, `bad-request` without a reason, `audit-unavailable`.
   */
  start(input: NewApproval): Promise<Approval>;
}

const idAttempts = 8;

export function createEmergencyDesk(options: {
  readonly database: Queryable;
  readonly clock: Clock;
  readonly record: (record: AuditRecord) => Promise<void>;
  readonly settings: EmergencySettings;
  /** How long the grant waits for its use, milliseconds. */
  readonly claimWindowMs: number;
}): EmergencyDesk {
  const { database, clock, record, settings } = options;

  const attempt = async (input: NewApproval, id: string): Promise<{ outcome: string; approval: unknown }> => {
    const { requester, from, reason } = input;
    await record({
      ...approvalRecord('approval.requested', { ...input, id }, requester, { reason, emergency: true }, from),
      requestDigest: input.requestDigest,
      request: input.summary,
    });
    const answer = await ask(database, paramsOf(input, id, settings, options.claimWindowMs));
    if (answer.outcome === 'raised') {
      await record(approvalRecord('review.opened', { ...input, id }, requester, { reason, emergency: true }, from));
    } else {
      const stray = { state: 'not-raised', why: answer.outcome, emergency: true };
      await record(approvalRecord('approval.ended', { ...input, id }, requester, stray, from));
    }
    return answer;
  };

  return {
    settings,
    start: async input => {
      if (input.reason.trim() === '') throw new GateError('bad-request', 'an emergency needs a reason');
      for (let tries = 0; tries < idAttempts; tries += 1) {
        const { outcome, approval } = await attempt(input, newApprovalId(input.action, clock));
        if (outcome === 'raised' || outcome === 'found') return parseApproval(approval);
        if (outcome !== 'review-open') continue;
        const { id } = parseApproval(approval);
        const message = `the review of emergency ${id} is open; somebody else has to close it first: talosgate reviews close ${id}`;
        throw new GateError('approval-refused', message);
      }
      throw new GateError('internal', 'no free approval id was found; try again');
    },
  };
}

type Params = Parameters<typeof callFunction>[2];

async function ask(database: Queryable, params: Params): Promise<{ outcome: string; approval: unknown }> {
  const [row] = await callFunction<{ answer: { outcome: string; approval: unknown } }>(database, sql.emergency, params);
  if (row === undefined) throw new GateError('internal', 'internal error in talosgate, see its log');
  return row.answer;
}

function paramsOf(input: NewApproval, id: string, settings: EmergencySettings, claimWindowMs: number): Params {
  const { binding, requestDigest, requester, cluster, node, method, action, resource, summary, reason, terms } = input;
  return [
    ...[id, binding, requestDigest, requester, cluster, node, method, action, resource],
    JSON.stringify(summary, (_key, value: unknown) =>
      typeof value === 'string' ? value.replaceAll('\0', '\ufffd').toWellFormed() : value,
    ),
    Array.from(reason.replaceAll('\0', '')).slice(0, 500).join(''),
    Math.min(claimWindowMs, terms?.claimWindowMs ?? Infinity),
    terms?.sessionMs ?? null,
    settings.blocked_by,
  ];
}
