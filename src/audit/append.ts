import { DatabaseError } from '../db/database-error.ts';
import type { Queryable } from '../db/query.ts';
import type { Batch } from './batch.ts';
import type { Claim } from './entry.ts';

const plain = {
  name: 'audit.append',
  text: 'SELECT talosgate.audit_append($1, $2, $3, $4, $5) AS idx',
};
const claimed = {
  name: 'audit.append.claimed',
  text: 'SELECT talosgate.audit_append_claimed($1, $2, $3, $4, $5, $6, $7, $8) AS idx',
};

/** Sends one batch in one round trip and gives the index of its first record. Asking for the same batch again after a lost answer is safe. */
export async function appendBatch(
  on: Queryable,
  bootId: string,
  batch: Batch,
  claim: Claim | undefined,
  timeoutMs: number,
): Promise<number> {
  const params = [bootId, batch.firstWseq, batch.ends, batch.bodies, batch.leaves];
  const rows =
    claim === undefined
      ? await on.query<{ idx: number }>(plain, params, { timeoutMs })
      : await on.query<{ idx: number }>(claimed, [...params, claim.approvalId, claim.binding, claim.requester], {
          timeoutMs,
        });
  const [row] = rows;
  if (row === undefined) throw new DatabaseError('lost', 'the append function answered without an index');
  return row.idx;
}

/**
 * What a failed append means. `unsent`: nothing reached the database. `ambiguous`: it may have landed. `later`: refused for
 * now, it did not land. `claim-refused`, `ended`: it can never land, and the caller is told why. `boot-over`: not under
 * this boot. `unfit`: refused for its content.
 */
export type AppendFailure = 'unsent' | 'ambiguous' | 'later' | 'claim-refused' | 'ended' | 'boot-over' | 'unfit';

const ownCodes: Readonly<Record<string, AppendFailure>> = {
  TG001: 'claim-refused',
  TG010: 'boot-over',
  TG011: 'ended',
  TG012: 'boot-over',
};

// SQLSTATE classes that are about this batch: cardinality, data, constraint, syntax, PL/pgSQL and its RAISE.
const contentClasses = new Set(['21', '22', '23', '42', 'P0']);
// Rights, table or schema missing look like content and are not: the database must be mended.
const notContent = new Set(['42501', '42P01', '3F000']);

export function readAppendFailure(thrown: unknown): AppendFailure {
  if (!(thrown instanceof DatabaseError) || thrown.failure === 'lost') return 'ambiguous';
  if (thrown.failure === 'unreachable') return 'unsent';
  const code = thrown.sqlState ?? '';
  const own = ownCodes[code];
  if (own !== undefined) return own;
  // The code of a failed CHECK, but about no record in particular: partitions were not made ahead.
  if (thrown.message.startsWith('no partition of relation')) return 'later';
  return contentClasses.has(code.slice(0, 2)) && !notContent.has(code) ? 'unfit' : 'later';
}
