import type { AuditRecord } from '../core/audit-record.ts';
import { GateError } from '../core/gate-error.ts';
import type { Review } from '../core/review.ts';
import type { Queryable } from '../db/query.ts';
import { callFunction } from './database.ts';
import { type ActedFrom, approvalRecord } from './records.ts';
import { parseReview } from './rows.ts';
import * as sql from './statements.ts';

/** Looking at what was started alone. Rejects with GateError `not-found`, `conflict`, `bad-request`, `audit-unavailable`. */
export interface ReviewDesk {
  /** Open ones first, newest first. */
  list(filter: { readonly openOnly: boolean; readonly limit: number }): Promise<readonly Review[]>;
  get(id: string): Promise<Review | undefined>;
  /** Only by somebody else than who opened it, once what it is about is over. */
  close(id: string, by: string, finding: string, from?: ActedFrom): Promise<Review>;
}

export function createReviewDesk(options: {
  readonly database: Queryable;
  readonly record: (record: AuditRecord) => Promise<void>;
}): ReviewDesk {
  const { database, record } = options;
  const reviews = async (id: string | null, openOnly: boolean, limit: number): Promise<readonly Review[]> => {
    const rows = await callFunction<{ review: unknown }>(database, sql.reviews, [id, openOnly, limit]);
    return rows.map(row => parseReview(row.review));
  };
  const get = async (id: string): Promise<Review | undefined> => (await reviews(id, false, 1))[0];
  return {
    list: ({ openOnly, limit }) => reviews(null, openOnly, limit),
    get,
    close: async (id, by, finding, from) => {
      const before = await get(id);
      if (before === undefined) throw closeRefusal('not-found', id);
      const closed = (outcome: string): Promise<void> =>
        record(approvalRecord('review.closed', before.approval, by, { finding, outcome }, from));
      await closed('accepted');
      const [row] = await callFunction<{ outcome: string }>(database, sql.closeReview, [id, by, finding]);
      const outcome = row?.outcome ?? 'not-found';
      const now = await get(id);
      if (outcome === 'ok' && now !== undefined) return now;
      await closed(`refused: ${outcome}`);
      throw closeRefusal(outcome, id);
    },
  };
}

function closeRefusal(outcome: string, id: string): GateError {
  switch (outcome) {
    case 'own-review':
      return new GateError('conflict', `${id} was your own emergency; somebody else has to close its review`);
    case 'closed-already':
      return new GateError('conflict', `the review of ${id} is closed already`);
    case 'in-use':
      return new GateError('conflict', `what ${id} allows is not over yet; revoke it, or close the review afterwards`);
    case 'finding-needed':
      return new GateError('bad-request', 'say what you found with --finding');
    default:
      return new GateError('not-found', `there is no review ${id.slice(0, 40)}; see: talosgate reviews list`);
  }
}
