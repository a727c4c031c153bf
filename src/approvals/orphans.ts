import type { Queryable } from '../db/query.ts';
import { callFunction } from './database.ts';
import * as sql from './statements.ts';
import type { ApprovalStore } from './store.ts';

/**
 * Ends grants that read as in use although their call is over and the process that ran it is gone. Says how many. Whatever
 * kept that process from ending them itself, nothing stays in use for ever. Rejects as the store does.
 */
export async function endOrphans(on: Queryable, store: Pick<ApprovalStore, 'end'>): Promise<number> {
  const orphans = await callFunction<{ id: string; how: 'ended' | 'lost' }>(on, sql.orphans, [50]);
  for (const { id, how } of orphans) {
    await store.end(id, { how, why: 'the gateway process that ran the call is gone' });
  }
  return orphans.length;
}
