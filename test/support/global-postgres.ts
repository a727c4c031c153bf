import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { openSession } from '../../src/db/connection.ts';
import { type EmbeddedPostgres, startEmbedded } from '../../src/db/embedded.ts';
import { ensureLogins, type Logins } from '../../src/db/logins.ts';
import { migrate } from '../../src/db/migrate.ts';

/** What test files need to clone a database; handed over by vitest. */
export interface TestServer {
  readonly adminUrl: string;
  readonly template: string;
  readonly logins: Required<Logins>;
}

declare module 'vitest' {
  interface ProvidedContext {
    postgres: TestServer;
  }
}

interface Running {
  readonly server: TestServer;
  readonly stop: () => Promise<void>;
}

// Each project runs this file, maybe as a module of its own, but in one process: the server is shared through the global.
const shared = globalThis as { talosgateTestServer?: Promise<Running> | undefined; talosgateTestUsers?: number };

/**
 * One real Postgres for the whole run, with one migrated template database: embedded, or the server named by
 * TALOSGATE_TEST_DATABASE_URL (a login that may create databases and roles). The last project to finish stops it.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  shared.talosgateTestServer ??= start();
  shared.talosgateTestUsers = (shared.talosgateTestUsers ?? 0) + 1;
  const running = await shared.talosgateTestServer;
  project.provide('postgres', running.server);
  return async () => {
    shared.talosgateTestUsers = (shared.talosgateTestUsers ?? 1) - 1;
    if (shared.talosgateTestUsers > 0) return;
    shared.talosgateTestServer = undefined;
    await running.stop();
  };
}

async function start(): Promise<Running> {
  const given = process.env['TALOSGATE_TEST_DATABASE_URL'];
  if (given !== undefined && given !== '') return await prepare(given, () => Promise.resolve());
  // Not the system's temporary folder: that may be one which Postgres' own user cannot enter.
  const folder = await mkdtemp(join('/var/tmp', 'talosgate-test-'));
  await chmod(folder, 0o711);
  let embedded: EmbeddedPostgres | undefined;
  const stop = async (): Promise<void> => {
    await embedded?.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    embedded = await startEmbedded({
      dataDir: join(folder, 'data'),
      parameters: { max_connections: '300', shared_buffers: '64MB' },
    });
    return await prepare(embedded.adminUrl, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function prepare(adminUrl: string, stopServer: () => Promise<void>): Promise<Running> {
  const run = randomBytes(4).toString('hex');
  const template = `talosgate_template_${run}`;
  const logins: Required<Logins> = {
    writer: { user: `talosgate_test_writer_${run}`, password: randomBytes(12).toString('hex') },
    reader: { user: `talosgate_test_reader_${run}`, password: randomBytes(12).toString('hex') },
    sealer: { user: `talosgate_test_sealer_${run}`, password: randomBytes(12).toString('hex') },
    retention: { user: `talosgate_test_retention_${run}`, password: randomBytes(12).toString('hex') },
  };
  await execute(adminUrl, `CREATE DATABASE ${template}`);
  const templateUrl = withDatabase(adminUrl, template);
  await migrate(templateUrl);
  await ensureLogins(templateUrl, logins);
  return {
    server: { adminUrl, template, logins },
    stop: async () => {
      await execute(adminUrl, `DROP DATABASE ${template} WITH (FORCE)`);
      await execute(
        adminUrl,
        `DROP ROLE ${logins.writer.user}, ${logins.reader.user}, ${logins.sealer.user}, ${logins.retention.user}`,
      );
      await stopServer();
    },
  };
}

/** The same server and login, another database. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

async function execute(url: string, sql: string): Promise<void> {
  const session = await openSession({ url, queryTimeoutMs: 60_000 });
  try {
    await session.query(sql);
  } finally {
    await session.close();
  }
}
