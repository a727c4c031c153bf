import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEntry, AuditFilter, AuditPage, AuditReader } from '../core/audit-entry.ts';
import { GateError } from '../core/gate-error.ts';
import type { Queryable } from '../db/query.ts';
import { ask } from './ask.ts';
import { search } from './search.ts';
import { countCalls } from './stats.ts';

const mostEntries = 1_000;
const callLimit = 10_000;
const followLimit = 500;

/** Above every index that a log can reach. */
const endOfLog = Number.MAX_SAFE_INTEGER;

/**
 * Reads the log through the views that a login with talosgate_reader may select from. What it returns is decoded from
 * the canonical bodies; columns and search lists only serve to find them. Rejects with GateError `bad-request` on an index
 * or network that is none and `audit-unavailable` when the database does not answer.
 */
export function createAuditReader(on: Queryable, options: { readonly pollMs?: number } = {}): AuditReader {
  const { pollMs = 500 } = options;
  return {
    list: (filter, page) => list(on, filter, page),
    call: callId => call(on, callId),
    stats: (since, until, top) => countCalls(on, since, until, top),
    follow: (after, filter, signal) => follow(on, indexOf('after', after), filter, signal, pollMs),
    last: async () => {
      const newest = await last(on);
      return newest < 0 ? undefined : String(newest);
    },
  };
}

/** A recorded session has thousands of chunks; `list` gives them to whoever asks for their kind. */
const exceptKinds = ['session.chunk'];

async function call(on: Queryable, callId: string): Promise<AuditEntry[]> {
  const all = { from: 0, to: endOfLog, order: 'oldest-first', limit: callLimit } as const;
  const entries = await search(on, { callId, exceptKinds }, all);
  const byIndex = new Map(entries.map(entry => [entry.index, entry]));
  const approvals = new Set(entries.map(({ record }) => record.approvalId).filter(id => id !== undefined));
  for (const approvalId of approvals) {
    for (const entry of await search(on, { approvalId, exceptKinds }, all)) byIndex.set(entry.index, entry);
  }
  return [...byIndex.values()].sort((a, b) => Number(a.index) - Number(b.index));
}

async function list(on: Queryable, filter: AuditFilter, page: AuditPage): Promise<AuditEntry[]> {
  const limit = Math.min(Math.max(Math.trunc(page.limit), 1), mostEntries);
  const from = page.after === undefined ? 0 : indexOf('after', page.after) + 1;
  const to = page.before === undefined ? endOfLog : indexOf('before', page.before);
  const order = page.after === undefined ? 'newest-first' : 'oldest-first';
  return await search(on, filter, { from, to, order, limit });
}

/**
 * The index is the cursor: a record never becomes visible before one with a lower index. Each look stops at the newest index
 * seen before it began, so that a filter that matches little does not make it start over each time.
 */
async function* follow(
  on: Queryable,
  start: number,
  filter: AuditFilter,
  signal: AbortSignal,
  pollMs: number,
): AsyncGenerator<AuditEntry> {
  let after = start;
  while (!signal.aborted) {
    const newest = await last(on);
    if (newest > after) {
      const range = { from: after + 1, to: newest + 1, order: 'oldest-first', limit: followLimit } as const;
      const entries = await search(on, filter, range);
      yield* entries;
      after = entries.length < followLimit ? newest : Number(entries.at(-1)?.index ?? newest);
      if (entries.length === followLimit) continue;
    }
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Highest committed index, -1 for an empty log. */
async function last(on: Queryable): Promise<number> {
  const rows = await ask<{ idx: string | null }>(on, 'SELECT max(idx)::text AS idx FROM talosgate.audit_log', []);
  return Number(rows[0]?.idx ?? -1);
}

/** -1 stands before the first entry. */
function indexOf(name: string, text: string): number {
  if (/^(-1|\d{1,18})$/.test(text)) return Math.min(Number(text), endOfLog - 1);
  throw new GateError('bad-request', `${name}: ${JSON.stringify(text.slice(0, 40))} is no index of the audit log`);
}
