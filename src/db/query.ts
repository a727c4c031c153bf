import type { ClientBase } from 'pg';
import { DatabaseError, statementError } from './database-error.ts';

/** A statement that is prepared under its name once per connection. One name must always mean one text. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** What may stand for `$1`. Objects are not accepted: JSON goes in as text. */
export type SqlValue = string | number | bigint | boolean | Buffer | Date | null | undefined | readonly SqlValue[];

export interface QueryOptions {
  /** Longest wait for the answer, in milliseconds; after it the connection is closed. */
  readonly timeoutMs?: number | undefined;
  /** Gives the statement up when aborted, also by closing the connection. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs statements. Rows come back as plain objects by column name; bigint as number, timestamptz as Date. */
export interface Queryable {
  /** Rejects with DatabaseError only. */
  query<Row extends object>(
    statement: string | Statement,
    params?: readonly SqlValue[],
    options?: QueryOptions,
  ): Promise<Row[]>;
}

/**
 * Runs one statement on one connection. When time is up or the signal fires, `giveUp` must close the socket: a cancel
 * request is never sent, because a cancelled wait for a synchronous standby commits all the same.
 */
export async function runStatement<Row extends object>(
  client: ClientBase,
  giveUp: (reason: Error) => void,
  statement: string | Statement,
  params: readonly SqlValue[],
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<Row[]> {
  const { timeoutMs, signal } = options;
  if (signal?.aborted === true) throw new DatabaseError('unreachable', 'given up before the statement was sent');
  const query = typeof statement === 'string' ? { text: statement } : statement;
  const answer = client.query<Row>({ ...query, values: [...params] });
  const givenUp = Promise.withResolvers<never>();
  const abandon = (why: string): void => {
    const error = new DatabaseError('lost', why);
    giveUp(error);
    givenUp.reject(error);
  };
  const timer = setTimeout(() => abandon(`no answer from the database within ${timeoutMs} ms`), timeoutMs);
  const onAbort = (): void => abandon('statement given up by its caller');
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const result = await Promise.race([answer, givenUp.promise]);
    return result.rows;
  } catch (thrown) {
    throw statementError(thrown);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    // The loser of the race must not surface as an unhandled rejection.
    answer.catch(() => undefined);
    givenUp.promise.catch(() => undefined);
  }
}
