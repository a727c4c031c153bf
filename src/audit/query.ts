import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEntry, AuditFilter, AuditPage, AuditReader } from '../core/audit-entry.ts';
import { GateError } from '../core/gate-error.ts';
import type { Queryable, SqlValue } from '../db/query.ts';
import { decodeBody } from './decode.ts';
import { whereOf } from './filter.ts';

interface Row {
  readonly idx: string;
  readonly leaf: Buffer;
  readonly late: boolean;
  readonly body: Buffer;
}

const columns = 'idx::text AS idx, leaf, late, body';
const mostEntries = 1_000;
const callLimit = 10_000;

/**
 * Reads the log through the views that a login with talosgate_reader may select from. What it returns is decoded from
 * the canonical bodies; columns only serve to find them. Rejects with GateError `bad-request` on an index that is none
 * and `audit-unavailable` when the database does not answer.
 */
export function createAuditReader(on: Queryable, options: { readonly pollMs?: number } = {}): AuditReader {
  const { pollMs = 500 } = options;
  return {
    list: (filter, page) => list(on, filter, page),
    call: callId => select(on, `call_id = $1 ORDER BY log.idx LIMIT ${callLimit}`, [callId]),
    follow: (after, filter, signal) => follow(on, indexOf('after', after), filter, signal, pollMs),
    last: () => last(on),
  };
}

async function list(on: Queryable, filter: AuditFilter, page: AuditPage): Promise<AuditEntry[]> {
  const limit = Math.min(Math.max(Math.trunc(page.limit), 1), mostEntries);
  const { text, values } = whereOf(filter);
  if (page.after !== undefined) {
    const after = indexOf('after', page.after);
    return await select(on, `${text} AND log.idx > $${values.length + 1} ORDER BY log.idx LIMIT ${limit}`, [
      ...values,
      after,
    ]);
  }
  if (page.before === undefined) return await select(on, `${text} ORDER BY log.idx DESC LIMIT ${limit}`, values);
  const before = indexOf('before', page.before);
  return await select(on, `${text} AND log.idx < $${values.length + 1} ORDER BY log.idx DESC LIMIT ${limit}`, [
    ...values,
    before,
  ]);
}

/**
 * The index is the cursor: a record never becomes visible before one with a lower index. The scan stops at the newest index
 * seen before it began, so that a filter that matches little does not make it start over each time.
 */
async function* follow(
  on: Queryable,
  start: string,
  filter: AuditFilter,
  signal: AbortSignal,
  pollMs: number,
): AsyncGenerator<AuditEntry> {
  let after = start;
  while (!signal.aborted) {
    const newest = (await last(on)) ?? '-1';
    if (BigInt(newest) > BigInt(after)) {
      const { text, values } = whereOf(filter);
      const n = values.length;
      const entries = await select(
        on,
        `${text} AND log.idx > $${n + 1} AND log.idx <= $${n + 2} ORDER BY log.idx LIMIT 500`,
        [...values, after, newest],
      );
      yield* entries;
      after = entries.length < 500 ? newest : (entries.at(-1)?.index ?? newest);
      if (entries.length === 500) continue;
    }
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
  }
}

async function last(on: Queryable): Promise<string | undefined> {
  const rows = await ask<{ idx: string | null }>(on, 'SELECT max(idx)::text AS idx FROM talosgate.audit_log', []);
  return rows[0]?.idx ?? undefined;
}

async function select(on: Queryable, rest: string, values: readonly SqlValue[]): Promise<AuditEntry[]> {
  const rows = await ask<Row>(on, `SELECT ${columns} FROM talosgate.audit_log AS log WHERE ${rest}`, values);
  return rows.map(row => {
    const { bootId, wseq, time, record } = decodeBody(row.body.toString('utf8'));
    return {
      index: row.idx,
      bootId,
      writerSequence: wseq,
      time,
      leaf: row.leaf.toString('hex'),
      late: row.late,
      record,
    };
  });
}

async function ask<R extends object>(on: Queryable, text: string, values: readonly SqlValue[]): Promise<R[]> {
  try {
    return await on.query<R>(text, values);
  } catch (cause) {
    throw new GateError('audit-unavailable', 'the audit log cannot be read right now; try again shortly', { cause });
  }
}

/** -1 stands before the first entry. */
function indexOf(name: string, text: string): string {
  if (/^(-1|\d{1,18})$/.test(text)) return text;
  throw new GateError('bad-request', `${name}: ${JSON.stringify(text.slice(0, 40))} is no index of the audit log`);
}
