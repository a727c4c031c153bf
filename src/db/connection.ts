import pg from 'pg';
import { connectError } from './database-error.ts';
import { type Queryable, runStatement } from './query.ts';

/** How to reach a database, and how long to wait for it. */
export interface ConnectionSettings {
  /** postgres://user:password@host:port/database?sslmode=verify-full */
  readonly url: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string | undefined;
  /** Longest wait for a connection, TLS and login included. Default 2,000 ms. */
  readonly connectTimeoutMs?: number | undefined;
  /** Longest wait for one answer where the caller states none. Default 10,000 ms. */
  readonly queryTimeoutMs?: number | undefined;
  /** Run-time parameters for every session, such as `-c lock_timeout=1000`. */
  readonly options?: string | undefined;
  /** Called for each NOTIFY on a channel that the session listens to. */
  readonly onNotification?: (() => void) | undefined;
}

/** One connection of its own, outside any pool: for session locks and for the log's single writer. */
export interface Session extends Queryable {
  /** Fires when the connection is gone, whoever ended it. */
  readonly lost: AbortSignal;
  /** Says goodbye, or cuts the connection when a statement is under way. Never rejects. */
  close(): Promise<void>;
}

export const defaultConnectTimeoutMs = 2_000;
export const defaultQueryTimeoutMs = 10_000;

/** Opens a connection. Rejects with DatabaseError `unreachable` within the connect timeout. */
export async function openSession(settings: ConnectionSettings): Promise<Session> {
  const client = new pg.Client(clientConfig(settings));
  const lost = new AbortController();
  // A lost connection shows in `lost` and in the statement under way; without a listener it would end the process.
  client.on('error', () => lost.abort());
  client.on('end', () => lost.abort());
  if (settings.onNotification !== undefined) client.on('notification', settings.onNotification);
  try {
    await client.connect();
  } catch (thrown) {
    client.end().catch(() => undefined);
    throw connectError(thrown);
  }
  const cut = (): void => {
    lost.abort();
    client.end().catch(() => undefined);
  };
  const fallback = settings.queryTimeoutMs ?? defaultQueryTimeoutMs;
  return {
    lost: lost.signal,
    query: (statement, params = [], options = {}) =>
      runStatement(client, cut, statement, params, { ...options, timeoutMs: options.timeoutMs ?? fallback }),
    close: async () => {
      const grace = setTimeout(() => (client.connection as { stream: { destroy(): void } }).stream.destroy(), 1_000);
      await client.end().catch(() => undefined);
      clearTimeout(grace);
    },
  };
}

/** Settings for the driver: own time limits, 64-bit integers as numbers, keep-alive on. */
export function clientConfig(settings: ConnectionSettings): pg.ClientConfig {
  return {
    connectionString: settings.url,
    application_name: settings.applicationName ?? 'talosgate',
    connectionTimeoutMillis: settings.connectTimeoutMs ?? defaultConnectTimeoutMs,
    keepAlive: true,
    types: { getTypeParser },
    ...(settings.options === undefined ? {} : { options: settings.options }),
  };
}

/** Object number of type bigint in every Postgres, pg_type.dat. */
const bigintType = 20;

const getTypeParser: typeof pg.types.getTypeParser = (oid: number, format?: string): unknown =>
  oid === bigintType ? parseInteger : Reflect.apply(pg.types.getTypeParser, pg.types, [oid, format]);

/** Indexes and counters stay far below 2^53; a value beyond must not be rounded silently. */
function parseInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`integer ${text} does not fit a number`);
  return value;
}
