import type { Pool } from '../db/pool.ts';
import type { SessionLog } from './recording.ts';
import { sessionRecord } from './records.ts';
import { finish, orphans } from './statements.ts';

interface Row {
  readonly id: string;
  readonly boot_id: string;
  readonly approval_id: string | null;
  readonly principal: string;
  readonly cluster: string;
  readonly node: string;
  readonly resource: string;
  readonly emergency: boolean;
  readonly recorded: boolean;
}

const atOnce = 50;

/**
 * Gives an end to sessions whose gateway process is gone: `session.lost` in the log, then the mark that lets nobody add to
 * them. The rows are locked meanwhile, so one replica does it; a crash in between leaves a second record at worst.
 */
export async function endLostSessions(database: Pool, log: Pick<SessionLog, 'append'>): Promise<void> {
  await database.transaction(async tx => {
    const rows = await tx.query<Row>(orphans, [atOnce]);
    const lost = rows.filter(row => !row.recorded);
    if (lost.length > 0) await log.append(lost.map(lostRecord));
    for (const { id, recorded } of rows) await tx.query(finish, [id, recorded ? 'ended' : 'lost', null, null]);
  });
}

function lostRecord(row: Row): ReturnType<typeof sessionRecord> {
  const { id, boot_id, approval_id, principal, cluster, node, resource, emergency } = row;
  const facts = { id, approvalId: approval_id ?? undefined, principal, cluster, node, resource, emergency };
  return { ...sessionRecord('session.lost', facts, { boot: boot_id }), reason: 'gateway-lost' };
}
