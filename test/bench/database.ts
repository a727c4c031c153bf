import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { openSession } from '../../src/db/connection.ts';
import { startEmbedded } from '../../src/db/embedded.ts';
import { ensureLogins, type Login } from '../../src/db/logins.ts';
import { migrate } from '../../src/db/migrate.ts';
import { createTable, insertStatement, insertValues } from './audit/naive-table.ts';
import { familySeconds } from './process-cpu.ts';
import { quantile } from './statistics.ts';

/** A real Postgres with the project's schema and its usual durability, empty at the start of a run. */
export interface BenchDatabase {
  /** May do anything; the naive gateway's. */
  readonly adminUrl: string;
  /** The gateway's login. */
  readonly writerUrl: string;
  readonly readerUrl: string;
  /** Median of one durable INSERT by one caller, microseconds. Measured for so many milliseconds. */
  insertP50(ms: number): Promise<number>;
  /** CPU seconds of the server and its connections so far; NaN where that cannot be read. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

export async function startDatabase(directory: string): Promise<BenchDatabase> {
  await rm(directory, { recursive: true, force: true });
  const server = await startEmbedded({ dataDir: directory });
  try {
    const { adminUrl } = server;
    await migrate(adminUrl);
    const logins = { writer: newLogin('bench_writer'), reader: newLogin('bench_reader') };
    await ensureLogins(adminUrl, logins);
    const session = await openSession({ url: adminUrl });
    await session.query(createTable);
    return {
      adminUrl,
      writerUrl: urlFor(adminUrl, logins.writer),
      readerUrl: urlFor(adminUrl, logins.reader),
      insertP50: async ms => {
        const latencies: number[] = [];
        const until = performance.now() + ms;
        for (let started = performance.now(); started < until; ) {
          await session.query(insertStatement, insertValues({ kind: 'call.intent', callId: 'bench', node: 'bench-1' }));
          const now = performance.now();
          latencies.push((now - started) * 1000);
          started = now;
        }
        return quantile(
          latencies.toSorted((a, b) => a - b),
          0.5,
        );
      },
      cpuSeconds: () => familySeconds(server.pid),
      stop: async () => {
        await session.close();
        await server.stop();
        await rm(directory, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

function newLogin(user: string): Login {
  return { user, password: randomBytes(12).toString('hex') };
}

function urlFor(adminUrl: string, { user, password }: Login): string {
  const url = new URL(adminUrl);
  url.username = user;
  url.password = password;
  return url.href;
}
