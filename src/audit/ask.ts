import { GateError } from '../core/gate-error.ts';
import type { Queryable, SqlValue } from '../db/query.ts';

/** Runs one statement. Rejects with GateError `audit-unavailable`; the cause stays in the log. */
export async function ask<R extends object>(on: Queryable, text: string, values: readonly SqlValue[]): Promise<R[]> {
  try {
    return await on.query<R>(text, values);
  } catch (cause) {
    throw new GateError('audit-unavailable', 'the audit log cannot be read right now; try again shortly', { cause });
  }
}
