import type { AuditFilter } from '../core/audit-entry.ts';
import type { AuditLine, AuditScan, AuditStretch } from '../core/audit-line.ts';
import { GateError } from '../core/gate-error.ts';
import type { Queryable, SqlValue } from '../db/query.ts';
import { whereOf } from './filter.ts';

/** Records that one statement looks at, at most: bounds its time however little the filter lets through. */
const widest = 20_000;
/** Lines that one statement gives, at most: bounds memory. A body has at most 16 KiB. */
const mostLines = 500;

interface Row {
  readonly idx: number;
  readonly leaf: Buffer;
  readonly late: boolean;
  readonly db_ts: Date;
  readonly body: Buffer;
}

/** Reads with a login of talosgate_reader. Rejects with GateError `audit-unavailable` when the database does not answer. */
export function createAuditScan(on: Queryable): AuditScan {
  return {
    bounds: async () => {
      const [row] = await ask<{ first: number | null; last: number | null }>(
        on,
        'SELECT min(idx) AS first, max(idx) AS last FROM talosgate.audit_log',
        [],
      );
      const next = (row?.last ?? -1) + 1;
      return { first: row?.first ?? next, next };
    },
    read: (from, end, filter) => read(on, from, end, filter),
  };
}

async function read(on: Queryable, from: number, end: number, filter: AuditFilter): Promise<AuditStretch> {
  const stop = Math.min(end, from + widest);
  if (stop <= from) return { lines: [], next: from };
  const { text, values } = whereOf(filter);
  const n = values.length;
  const rows = await ask<Row>(
    on,
    'SELECT idx, leaf, late, db_ts, body FROM talosgate.audit_log AS log ' +
      `WHERE ${text} AND log.idx >= $${n + 1} AND log.idx < $${n + 2} ORDER BY log.idx LIMIT ${mostLines}`,
    [...values, from, stop],
  );
  const lines = rows.map(toLine);
  const last = lines.at(-1);
  return { lines, next: lines.length === mostLines && last !== undefined ? last.index + 1 : stop };
}

function toLine(row: Row): AuditLine {
  return {
    index: row.idx,
    leaf: row.leaf.toString('hex'),
    late: row.late,
    loggedAt: row.db_ts.getTime(),
    body: row.body.toString('utf8'),
  };
}

async function ask<R extends object>(on: Queryable, text: string, values: readonly SqlValue[]): Promise<R[]> {
  try {
    return await on.query<R>(text, values);
  } catch (cause) {
    throw new GateError('audit-unavailable', 'the audit log cannot be read right now; try again shortly', { cause });
  }
}
