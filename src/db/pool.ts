import pg from 'pg';
import { type ConnectionSettings, clientConfig, defaultConnectTimeoutMs, defaultQueryTimeoutMs } from './connection.ts';
import { connectError, DatabaseError } from './database-error.ts';
import { type Queryable, type QueryOptions, runStatement, type SqlValue, type Statement } from './query.ts';
import { inTransaction } from './transaction.ts';

export interface PoolSettings extends ConnectionSettings {
  /** Most connections at a time. Default 10. */
  readonly max?: number | undefined;
  /** Most callers that may wait for one; more are refused at once. Default 1,000. */
  readonly maxWaiting?: number | undefined;
}

/** A bounded set of connections to one database under one login. */
export interface Pool extends Queryable {
  /**
   * Runs `work` in one transaction: commits when it resolves, rolls back when it rejects. Nothing is retried.
   * The Queryable must not be used after `work` has settled.
   */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /** Waits for statements under way, then closes every connection. */
  close(): Promise<void>;
}

/** Makes a pool. Connects on first use, so that it can be made while the database is away. */
export function createPool(settings: PoolSettings): Pool {
  const pool = new pg.Pool({ ...clientConfig(settings), max: settings.max ?? 10, idleTimeoutMillis: 30_000 });
  const maxWaiting = settings.maxWaiting ?? 1_000;
  const fallback = settings.queryTimeoutMs ?? defaultQueryTimeoutMs;
  // Connections that break while idle are replaced on next use; without listeners they would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', client => client.on('error', () => undefined));

  const borrow = async <T>(use: (on: Queryable) => Promise<T>): Promise<T> => {
    if (pool.waitingCount >= maxWaiting) {
      throw new DatabaseError('unreachable', `more than ${maxWaiting} callers wait for a database connection`);
    }
    const client = await pool.connect().catch((thrown: unknown) => {
      throw connectError(explain(thrown, settings));
    });
    let broken: Error | undefined;
    const release = once((reason?: Error) => client.release(reason));
    const giveUp = (reason: Error): void => {
      broken = reason;
      release(reason);
    };
    try {
      return await use({
        query: async <Row extends object>(
          statement: string | Statement,
          params: readonly SqlValue[] = [],
          options: QueryOptions = {},
        ): Promise<Row[]> => {
          if (broken !== undefined) throw new DatabaseError('unreachable', 'the connection was given up before');
          const limits = { ...options, timeoutMs: options.timeoutMs ?? fallback };
          try {
            return await runStatement<Row>(client, giveUp, statement, params, limits);
          } catch (error) {
            if (error instanceof DatabaseError && error.failure === 'lost') broken ??= error;
            throw error;
          }
        },
      });
    } finally {
      release(broken);
    }
  };

  return {
    query: (statement, params, options) => borrow(on => on.query(statement, params, options)),
    transaction: work => borrow(on => inTransaction(on, work)),
    close: () => pool.end(),
  };
}

/** Says what the driver's own text leaves open: which limit was hit. */
function explain(thrown: unknown, settings: PoolSettings): unknown {
  const limit = settings.connectTimeoutMs ?? defaultConnectTimeoutMs;
  const timedOut =
    thrown instanceof Error && /timeout exceeded when trying to connect|timeout expired/.test(thrown.message);
  return timedOut ? new Error(`no free connection within ${limit} ms`, { cause: thrown }) : thrown;
}

/** A connection must be handed back exactly once: by whoever gives it up, or at the end. */
function once(release: (reason?: Error) => void): (reason?: Error) => void {
  let done = false;
  return reason => {
    if (done) return;
    done = true;
    release(reason);
  };
}
