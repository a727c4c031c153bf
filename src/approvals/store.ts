import type { Approval, ApprovalState, RevokeGrant, VoteSignature } from '../core/approval.ts';
import { type ApprovalTerms, onePerson } from '../core/approval-terms.ts';
import type { AuditRecord } from '../core/audit-record.ts';
import type { Clock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import type { Notice, NoticeSource } from '../core/notice.ts';
import type { Queryable, SqlValue, Statement } from '../db/query.ts';
import { ApprovalChanges } from './changes.ts';
import { callFunction, manyApprovals, oneApproval } from './database.ts';
import type { Listening } from './hear.ts';
import { isApprovalId, newApprovalId } from './id.ts';
import { type ActedFrom, approvalRecord } from './records.ts';
import { refusalError } from './refusals.ts';
import { parseApproval, parseNotice } from './rows.ts';
import { checkSignature, type GivenSignature } from './signature.ts';
import * as sql from './statements.ts';
import { type ApprovalEvent, type ApprovalRefusal, approvalRefusals, step } from './states.ts';

/** A call that somebody wants agreed to. */
export interface NewApproval {
  readonly requester: string;
  readonly cluster: string;
  readonly node: string;
  readonly method: string;
  readonly action: string;
  readonly resource: string;
  /** Both from `bindCall`. */
  readonly binding: string;
  readonly requestDigest: string;
  /** What approvers are shown: the audit summary of the request. */
  readonly summary: NonNullable<AuditRecord['request']>;
  /** At most 500 characters; longer is cut. */
  readonly reason: string;
  /** Default: one approval by anybody who may decide, one denial ends it. That the reason fits is the caller's to check. */
  readonly terms?: Partial<ApprovalTerms> | undefined;
  /** Milliseconds since the epoch before which the grant cannot be used; at most 7 days away. */
  readonly notBefore?: number | undefined;
  readonly from?: ActedFrom | undefined;
}

/** One person's decision. Whether they may decide at all is policy's question, asked before. */
interface NewVote {
  readonly id: string;
  readonly by: string;
  readonly groups?: readonly string[] | undefined;
  readonly verdict: 'approve' | 'deny';
  readonly reason: string;
  /** Over the statement of `decision-statement.ts`. A vote with a wrong one is refused. */
  readonly signature?: GivenSignature | undefined;
  readonly from?: ActedFrom | undefined;
}

interface ApprovalFilter {
  readonly state?: string | undefined;
  readonly requester?: string | undefined;
  /** At most 500; default 50. */
  readonly limit?: number | undefined;
}

/**
 * Keeps approvals in Postgres. Whatever changes one is recorded first, and not done when recording fails; only the
 * lapse of time is recorded after the fact, because it gives nobody anything. All reject with GateError: `conflict`
 * (says why), `not-found`, `overloaded` (too many open requests), `audit-unavailable` (database or log away).
 */
export interface ApprovalStore extends NoticeSource {
  /** Gives the open request or unused grant for the same binding, or raises a request. */
  request(input: NewApproval): Promise<Approval>;
  decide(vote: NewVote): Promise<Approval>;
  /** The open request or unused grant for a binding. */
  find(binding: string): Promise<Approval | undefined>;
  get(id: string): Promise<Approval | undefined>;
  /** Newest first. */
  list(filter: ApprovalFilter): Promise<readonly Approval[]>;
  /** The requester leaves: a request is cancelled, a grant withdrawn. */
  cancel(id: string, by: string, why: string, from?: ActedFrom): Promise<Approval>;
  /** Takes a grant back before it is used; whether `by` may is policy's question, asked before. */
  withdraw(id: string, by: string, why: string, from?: ActedFrom): Promise<Approval>;
  /**
   * Stops what runs on a claimed grant, on whichever replica, within two seconds; whether `by` may is policy's question,
   * asked before.
   */
  readonly revoke: RevokeGrant;
  /** What ran on a claimed grant is over. */
  end(
    id: string,
    details: { readonly how: 'ended' | 'lost' | 'revoked'; readonly why: string; readonly by?: string | undefined },
    from?: ActedFrom,
  ): Promise<Approval>;
  /** Resolves when the approval is in another state than `since`; at once on any replica that hears, within a second else. */
  waitForChange(id: string, since: ApprovalState, signal: AbortSignal): Promise<Approval>;
  /** Moves what has lapsed and records it; says how many. For a timer. */
  expire(): Promise<number>;
  /** Sends whoever waits away. The database is the caller's to close. */
  close(): Promise<void>;
}

export interface ApprovalStoreOptions {
  readonly database: Queryable;
  readonly clock: Clock;
  /** Where changes made by other replicas are heard of; without it they are noticed within a second. */
  readonly hear?: ((onChange: () => void) => Listening) | undefined;
  /** Resolves when the record is durable. */
  readonly record: (record: AuditRecord) => Promise<void>;
  /** Times in milliseconds. */
  readonly settings: { readonly pending: number; readonly claim_window: number; readonly max_open: number };
}

/** Longest free text of a person that is kept, in code points. */
const longestText = 500;
const idAttempts = 8;

export function createApprovalStore(options: ApprovalStoreOptions): ApprovalStore {
  const { database, clock, record, settings } = options;
  const changes = new ApprovalChanges(database);
  const listening = options.hear?.(() => changes.wake());

  const get = async (id: string): Promise<Approval | undefined> =>
    isApprovalId(id) ? await oneApproval(database, sql.get, [id]) : undefined;
  const find = (binding: string): Promise<Approval | undefined> => oneApproval(database, sql.find, [binding]);

  const recordLapsed = async (lapsed: readonly Approval[]): Promise<void> => {
    for (const approval of lapsed) {
      await record(approvalRecord('approval.ended', approval, undefined, { state: 'expired' }));
      await callFunction(database, sql.lapseRecorded, [approval.id]);
    }
    if (lapsed.length > 0) changes.wake();
  };

  const raise = async (
    input: NewApproval,
    id: string,
  ): Promise<{ outcome: string; approval: Approval | undefined }> => {
    await record({
      ...approvalRecord('approval.requested', { ...input, id }, input.requester, { reason: input.reason }, input.from),
      requestDigest: input.requestDigest,
      request: input.summary,
    });
    const answer = await ask(database, sql.request, requestParams(input, id, settings));
    await recordLapsed(answer.expired);
    if (answer.outcome !== 'raised') {
      const stray = { state: 'not-raised', why: answer.outcome };
      await record(approvalRecord('approval.ended', { ...input, id }, input.requester, stray, input.from));
    }
    return answer;
  };

  /**
   * Refuses what cannot be (a vote leaves a record even so), records what is about to be, does it, and records when the
   * database refused it after all because somebody else was faster.
   */
  const change = async (
    id: string,
    event: (at: number) => ApprovalEvent,
    toRecord: (approval: Approval, details: { readonly outcome: string }) => AuditRecord,
    statement: Statement,
    params: readonly SqlValue[],
  ): Promise<Approval> => {
    const before = await get(id);
    if (before === undefined) throw refusalError('not-found', id, undefined);
    // The database has judged the time already: what has lapsed reads as expired. This clock may differ, so it is not asked.
    const foreseen = step(before, event(before.createdAt));
    if (!foreseen.ok) {
      if (statement === sql.vote) await record(toRecord(before, { outcome: `refused: ${foreseen.reason}` }));
      throw refusalError(foreseen.reason, id, before);
    }
    await record(toRecord(before, { outcome: 'accepted' }));
    const { outcome, approval } = await ask(database, statement, params);
    changes.wake();
    if (outcome === 'ok' && approval !== undefined) return approval;
    await record(toRecord(before, { outcome: `refused: ${outcome}` }));
    throw refusalError(refusalOf(outcome), id, approval);
  };

  /** Verifies the signature that came with a vote. One that is wrong leaves a record, like every refused vote. */
  const signatureOf = async (vote: NewVote): Promise<VoteSignature | undefined> => {
    if (vote.signature === undefined) return undefined;
    const { id, by, verdict, reason, groups = [], from } = vote;
    const approval = await get(id);
    if (approval === undefined) throw refusalError('not-found', id, undefined);
    const signed = checkSignature({ approval: id, binding: approval.binding, verdict, reason }, vote.signature);
    if (signed !== undefined) return signed;
    const details = { verdict, reason, outcome: 'refused: bad-signature' };
    await record(approvalRecord('approval.decided', approval, by, details, { groups, ...from }));
    throw refusalError('bad-signature', id, approval);
  };

  const end: ApprovalStore['end'] = (id, { how, why, by }, from) =>
    change(
      id,
      at => ({ kind: 'end', how, at }),
      (approval, details) => approvalRecord('approval.ended', approval, by, { event: how, why, ...details }, from),
      sql.end,
      [id, how, cut(why), by ?? ''],
    );

  return {
    find,
    get,
    request: async given => {
      const input = { ...given, reason: cut(given.reason) };
      const open = await find(input.binding);
      if (open !== undefined) return open;
      for (let attempt = 1; attempt <= idAttempts; attempt += 1) {
        const { outcome, approval } = await raise(input, newApprovalId(input.action, clock));
        if (approval !== undefined) return approval;
        if (outcome === 'too-many') throw tooMany(input.requester, settings.max_open);
      }
      throw new GateError('internal', 'no free approval id was found; try again');
    },
    decide: async vote => {
      const reason = cut(vote.reason);
      const { id, by, groups = [], verdict } = vote;
      const signature = await signatureOf({ ...vote, reason });
      return change(
        id,
        at => ({ kind: 'vote', vote: { by, groups, verdict, reason, at, signature } }),
        (approval, details) =>
          approvalRecord(
            'approval.decided',
            approval,
            by,
            { verdict, reason, ...signatureDetails(signature), ...details },
            { groups, ...vote.from },
          ),
        sql.vote,
        [id, by, groups, verdict, reason, signature === undefined ? null : JSON.stringify(signature)],
      );
    },
    list: ({ state, requester, limit = 50 }) =>
      manyApprovals(database, sql.list, [state === undefined ? null : [state], requester ?? null, limit]),
    cancel: (id, by, why, from) =>
      change(
        id,
        at => ({ kind: 'cancel', by, at }),
        (approval, details) =>
          approvalRecord('approval.ended', approval, by, { event: 'cancel', why, ...details }, from),
        sql.cancel,
        [id, by, cut(why)],
      ),
    withdraw: (id, by, why, from) =>
      change(
        id,
        at => ({ kind: 'withdraw', by, at }),
        (approval, details) =>
          approvalRecord('approval.ended', approval, by, { event: 'withdraw', why, ...details }, from),
        sql.withdraw,
        [id, cut(why), by],
      ),
    revoke: (id, by, why, from) => end(id, { how: 'revoked', why, by }, from),
    end,
    noticesAfter: async (position, limit): Promise<readonly Notice[]> => {
      const rows = await callFunction<{ event: unknown }>(database, sql.events, [position, limit]);
      return rows.map(row => parseNotice(row.event));
    },
    waitForChange: async (id, since, signal) => {
      await changes.leaves(id, since, signal);
      const approval = await get(id);
      if (approval === undefined) throw refusalError('not-found', id, undefined);
      return approval;
    },
    expire: async () => {
      const lapsed = await manyApprovals(database, sql.expire, [100]);
      await recordLapsed(lapsed);
      // Whoever moved these did not live to record them.
      await recordLapsed(await manyApprovals(database, sql.lapsesDue, [100]));
      return lapsed.length;
    },
    close: async () => {
      await listening?.close();
      await changes.close();
    },
  };
}

/** Enough to check the signature again from the record alone. */
function signatureDetails(signature: VoteSignature | undefined): NonNullable<AuditRecord['details']> {
  if (signature === undefined) return {};
  const { value, publicKey, fingerprint } = signature;
  return { signature: value, signatureKey: publicKey, signatureFingerprint: fingerprint };
}

interface Answer {
  readonly outcome: string;
  readonly approval: Approval | undefined;
  readonly expired: readonly Approval[];
}

async function ask(database: Queryable, statement: Statement, params: readonly SqlValue[]): Promise<Answer> {
  const [row] = await callFunction<{ answer: { outcome: string; approval: unknown; expired?: unknown[] } }>(
    database,
    statement,
    params,
  );
  if (row === undefined) throw new GateError('internal', 'internal error in talosgate, see its log');
  const { outcome, approval, expired = [] } = row.answer;
  return {
    outcome,
    approval: approval === null ? undefined : parseApproval(approval),
    expired: expired.map(parseApproval),
  };
}

function requestParams(input: NewApproval, id: string, settings: ApprovalStoreOptions['settings']): SqlValue[] {
  const { pendingMs, claimWindowMs, sessionMs, decisionReason, signedDecisions, ...terms } = input.terms ?? {};
  const { approvals, denials } = terms.quorum ?? onePerson;
  const { notBefore } = input;
  const needs = approvals.map(({ group, count }) => ({ group: group ?? null, count }));
  return [
    id,
    input.binding,
    input.requestDigest,
    input.requester,
    input.cluster,
    input.node,
    input.method,
    input.action,
    input.resource,
    JSON.stringify(input.summary, storable),
    input.reason,
    JSON.stringify(needs),
    denials,
    Math.min(settings.pending, pendingMs ?? Infinity),
    Math.min(settings.claim_window, claimWindowMs ?? Infinity),
    settings.max_open,
    JSON.stringify({ notBefore, sessionMs, decisionReason, signedDecisions }),
  ];
}

function tooMany(requester: string, most: number): GateError {
  return new GateError(
    'overloaded',
    `${requester} has ${most} open requests already; wait for decisions or let some lapse before asking for more`,
  );
}

function refusalOf(outcome: string): ApprovalRefusal {
  return approvalRefusals.find(known => known === outcome) ?? 'not-found';
}

function cut(text: string): string {
  const points = Array.from(text.replaceAll('\0', ''));
  return points.length <= longestText ? points.join('') : points.slice(0, longestText).join('');
}

/** jsonb takes neither NUL nor half a surrogate pair. */
function storable(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? value.replaceAll('\0', '\ufffd').toWellFormed() : value;
}
