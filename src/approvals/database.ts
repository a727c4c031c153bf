import type { Approval } from '../core/approval.ts';
import { GateError } from '../core/gate-error.ts';
import { DatabaseError } from '../db/database-error.ts';
import type { Queryable, SqlValue, Statement } from '../db/query.ts';
import { parseApproval } from './rows.ts';

/** Longest wait for one answer; a caller may be on the line. */
const timeoutMs = 3_000;

/**
 * Runs one of the database's approval functions. Rejects with GateError: `audit-unavailable` when there was no answer
 * (the change may or may not have taken effect), `conflict` when a guard stopped it, `internal` for anything else.
 */
export async function callFunction<Row extends object>(
  on: Queryable,
  statement: Statement,
  params: readonly SqlValue[],
  signal?: AbortSignal,
): Promise<readonly Row[]> {
  try {
    return await on.query<Row>(statement, params, { timeoutMs, signal });
  } catch (thrown) {
    throw explain(thrown);
  }
}

/** Runs a function that gives one approval or null. */
export async function oneApproval(
  on: Queryable,
  statement: Statement,
  params: readonly SqlValue[],
): Promise<Approval | undefined> {
  const [row] = await callFunction<{ approval: unknown }>(on, statement, params);
  return row === undefined || row.approval === null ? undefined : parseApproval(row.approval);
}

/** Runs a function that gives any number of approvals. */
export async function manyApprovals(
  on: Queryable,
  statement: Statement,
  params: readonly SqlValue[],
): Promise<readonly Approval[]> {
  const rows = await callFunction<{ approval: unknown }>(on, statement, params);
  return rows.map(row => parseApproval(row.approval));
}

function explain(thrown: unknown): GateError {
  if (!(thrown instanceof DatabaseError)) return GateError.from(thrown);
  if (thrown.failure !== 'refused') {
    return new GateError('audit-unavailable', 'the database cannot be reached', { cause: thrown });
  }
  // TG002: a guard of migrations/0010_approvals.sql. Reached only in the microseconds around a deadline.
  if (thrown.sqlState === 'TG002') {
    return new GateError('conflict', 'the approval has just changed; look at it again', { cause: thrown });
  }
  return GateError.from(thrown);
}
