import { GateError } from '../core/gate-error.ts';
import type { PrunePlan, RetentionDesk } from '../core/retention.ts';
import type { Queryable, SqlValue } from '../db/query.ts';

interface PlanRow {
  readonly first: number;
  readonly minimum: number;
  readonly first_ts: Date | null;
  readonly last_ts: Date | null;
  readonly ahead: number;
  readonly obstacle: string | null;
  readonly checkpoint: string | null;
}
interface HoldRow {
  readonly name: string;
  readonly from_idx: number;
  readonly reason: string;
  readonly added_by: string;
  readonly added_at: Date;
}

interface StatusRow {
  readonly first: number;
  readonly size: number;
  readonly over: number;
  readonly oldest: Date | null;
  readonly ahead: number;
}

/** Asks with a login of talosgate_writer. Rejects with GateError `audit-unavailable` when the database does not answer. */
export function createRetentionDesk(on: Queryable, limitMs: number): RetentionDesk {
  return {
    limitMs,
    status: async before => {
      const limit = new Date(before).toISOString();
      const [row] = await ask<StatusRow>(on, 'SELECT * FROM talosgate.audit_retention_status($1)', [limit]);
      if (row === undefined) throw new GateError('internal', 'internal error in talosgate, see its log');
      return {
        first: row.first,
        size: row.size,
        over: row.over,
        oldestAt: row.oldest?.getTime(),
        ahead: row.ahead,
      };
    },
    plan: async before => {
      const isIndex = 'index' in before;
      const limits: SqlValue[] = isIndex
        ? [before.index, 'infinity']
        : [Number.MAX_SAFE_INTEGER, new Date(before.time).toISOString()];
      const [row] = await ask<PlanRow>(on, 'SELECT * FROM talosgate.audit_prune_plan($1, $2)', limits);
      if (row === undefined) throw new GateError('internal', 'internal error in talosgate, see its log');
      return toPlan(row);
    },
    holds: async () => {
      const rows = await ask<HoldRow>(on, 'SELECT * FROM talosgate.audit_holds()', []);
      return rows.map(({ name, from_idx: from, reason, added_by: by, added_at }) => ({
        name,
        from,
        reason,
        by,
        at: added_at.getTime(),
      }));
    },
    addHold: ({ name, from, reason, by }) =>
      done(on, 'SELECT talosgate.audit_hold_add($1, $2, $3, $4) AS done', [name, from, reason, by]),
    removeHold: (name, by) => done(on, 'SELECT talosgate.audit_hold_remove($1, $2) AS done', [name, by]),
  };
}

function toPlan(row: PlanRow): PrunePlan {
  return {
    first: row.first,
    minimum: row.minimum,
    firstAt: row.first_ts?.getTime(),
    lastAt: row.last_ts?.getTime(),
    ahead: row.ahead,
    obstacle: row.obstacle ?? undefined,
    checkpoint: row.checkpoint ?? undefined,
  };
}

async function done(on: Queryable, text: string, values: readonly SqlValue[]): Promise<boolean> {
  const [row] = await ask<{ done: boolean }>(on, text, values);
  return row?.done === true;
}

async function ask<R extends object>(on: Queryable, text: string, values: readonly SqlValue[]): Promise<R[]> {
  try {
    return await on.query<R>(text, values);
  } catch (cause) {
    throw new GateError('audit-unavailable', 'the database cannot be asked right now; try again shortly', { cause });
  }
}
