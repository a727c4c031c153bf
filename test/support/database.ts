import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { openSession, type Session } from '../../src/db/connection.ts';
import { type Login, restrictDatabase } from '../../src/db/logins.ts';
import type { TestServer } from './global-postgres.ts';

/** A migrated, empty database of one test file. */
export interface TestDatabase {
  readonly name: string;
  /** Administrator: for looking behind the scenes and for breaking things on purpose. */
  readonly adminUrl: string;
  /** The gateway's login: rights of talosgate_writer. */
  readonly writerUrl: string;
  /** Rights of talosgate_reader. */
  readonly readerUrl: string;
  /** Rights of talosgate_sealer. */
  readonly sealerUrl: string;
  /** Rights of talosgate_retention. */
  readonly retentionUrl: string;
  /** Cuts every connection to the database and drops it. */
  drop(): Promise<void>;
}

/** Clones the migrated template. Call it in beforeAll, `drop` in afterAll. Takes about a tenth of a second. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = inject('postgres');
  const name = `talosgate_test_${randomBytes(6).toString('hex')}`;
  await onServer(server, session => session.query(`CREATE DATABASE ${name} TEMPLATE ${server.template}`));
  const adminUrl = urlFor(server, name, undefined);
  const session = await openSession({ url: adminUrl });
  await restrictDatabase(session);
  await session.close();
  return {
    name,
    adminUrl,
    writerUrl: urlFor(server, name, server.logins.writer),
    readerUrl: urlFor(server, name, server.logins.reader),
    sealerUrl: urlFor(server, name, server.logins.sealer),
    retentionUrl: urlFor(server, name, server.logins.retention),
    drop: () => onServer(server, on => on.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)),
  };
}

function urlFor(server: TestServer, database: string, login: Login | undefined): string {
  const url = new URL(server.adminUrl);
  url.pathname = `/${database}`;
  if (login !== undefined) {
    url.username = login.user;
    url.password = login.password;
  }
  return url.href;
}

async function onServer(server: TestServer, work: (session: Session) => Promise<unknown>): Promise<void> {
  const session = await openSession({ url: server.adminUrl, queryTimeoutMs: 60_000 });
  try {
    await work(session);
  } finally {
    await session.close();
  }
}
