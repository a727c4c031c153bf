import { DatabaseError } from './database-error.ts';
import type { Queryable } from './query.ts';

/**
 * Runs `work` between BEGIN and COMMIT on one connection. A rejection rolls back and is passed on unchanged. When COMMIT
 * itself gets no answer the DatabaseError is `lost`: the caller cannot know, and must be able to ask again.
 */
export async function inTransaction<T>(on: Queryable, work: (tx: Queryable) => Promise<T>): Promise<T> {
  let failed: unknown;
  const tx: Queryable = {
    query: async (statement, params, options) => {
      try {
        return await on.query(statement, params, options);
      } catch (thrown) {
        failed ??= thrown;
        throw thrown;
      }
    },
  };
  await on.query('BEGIN');
  let result: T;
  try {
    result = await work(tx);
    // Postgres answers COMMIT of a failed transaction with a rollback and no error.
    if (failed !== undefined) {
      throw new DatabaseError('refused', 'a statement failed inside a transaction that went on', { cause: failed });
    }
  } catch (thrown) {
    await rollBack(on);
    throw thrown;
  }
  await on.query('COMMIT');
  return result;
}

/** A connection that is gone has rolled back by itself; any other failure of ROLLBACK must be seen. */
async function rollBack(on: Queryable): Promise<void> {
  try {
    await on.query('ROLLBACK');
  } catch (thrown) {
    if (thrown instanceof DatabaseError && thrown.failure !== 'refused') return;
    throw thrown;
  }
}
