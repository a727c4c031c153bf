import { chown, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import { openSession } from './connection.ts';
import { type Binaries, findBinaries, reachableBinaries } from './embedded-binaries.ts';
import { type Folders, keepPassword, prepareFolders } from './embedded-folder.ts';
import { awaitPredecessor, guardAgainstOurDeath, type Started, startAs } from './embedded-process.ts';
import { chooseUser, type RunAs } from './embedded-user.ts';

export interface EmbeddedSettings {
  /** Folder of the cluster; made and filled on first use, kept afterwards. */
  readonly dataDir: string;
  /** TCP port on 127.0.0.1. 0 or left out: a free one. */
  readonly port?: number | undefined;
  /** Takes each line that the server prints. */
  readonly log?: ((line: string) => void) | undefined;
  /** Server settings beside ours, by name. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
  readonly clock?: Clock | undefined;
}

export interface EmbeddedPostgres {
  /** Login of the administrator, to database `postgres`. */
  readonly adminUrl: string;
  readonly port: number;
  /** Process number of the server. */
  readonly pid: number;
  /** Fast shutdown: open transactions are rolled back, what was committed is on disk. Safe to repeat. */
  stop(): Promise<void>;
}

/**
 * Starts a real Postgres from the binaries in node_modules, on loopback TCP only, as root too (it then runs as
 * `postgres` or `nobody`). Starting again on the same folder continues with its data, after kill -9 as well. The server
 * stops when this process dies. Throws GateError `bad-config` with the server's last lines when it does not come up.
 */
export async function startEmbedded(settings: EmbeddedSettings): Promise<EmbeddedPostgres> {
  const { log = () => undefined, clock = systemClock } = settings;
  const user = await chooseUser();
  const folders = await prepareFolders(settings.dataDir, user);
  await awaitPredecessor(folders.data);
  const binaries = await reachableBinaries(await findBinaries(), user, `${folders.data}.native`);
  const password = await keepPassword(folders.passwordFile, clock.random(24).toString('base64url'));
  await initialise(binaries, folders, user, password, log);
  // Between looking for a free port and using it somebody else may take it.
  for (let attempt = 1; ; attempt += 1) {
    const port = settings.port === undefined || settings.port === 0 ? await freePort() : settings.port;
    const server = startAs(user, binaries.postgres, serverOptions(folders, port, settings.parameters), log);
    const dismiss = guardAgainstOurDeath(user, server.pid);
    const adminUrl = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
    if (await isReady(server, adminUrl)) {
      server.unref();
      return { adminUrl, port, pid: server.pid, stop: () => stop(server, dismiss) };
    }
    await stop(server, dismiss);
    const taken = server.lastLines().includes('could not bind');
    if (!taken || settings.port === port || attempt === 5) {
      throw new GateError('bad-config', `the embedded Postgres does not start:\n${server.lastLines()}`);
    }
  }
}

async function initialise(
  binaries: Binaries,
  folders: Folders,
  user: RunAs,
  password: string,
  log: (line: string) => void,
): Promise<void> {
  const complete = await writeFile(folders.completeFile, '', { flag: 'r+' }).then(
    () => true,
    () => false,
  );
  if (complete) return;
  const handover = `${folders.data}.handover`;
  await writeFile(handover, password, { mode: 0o600 });
  try {
    if (user.switched) await chown(handover, user.uid, user.gid);
    const initdb = startAs(
      user,
      binaries.initdb,
      [
        `--pgdata=${folders.data}`,
        '--username=postgres',
        `--pwfile=${handover}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--data-checksums',
      ],
      log,
    );
    if ((await initdb.exited) !== 0) {
      throw new GateError('bad-config', `cannot make a Postgres cluster in ${folders.data}:\n${initdb.lastLines()}`);
    }
  } finally {
    await rm(handover, { force: true });
  }
  await writeFile(folders.completeFile, 'made by talosgate\n');
}

function serverOptions(folders: Folders, port: number, parameters: Readonly<Record<string, string>> = {}): string[] {
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', port: String(port), ...parameters };
  return ['-D', folders.data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once('error', reject);
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
  });
  return await promise;
}

/** After a crash the server replays its log first, which may take a while. */
async function isReady(server: Started, adminUrl: string): Promise<boolean> {
  for (let attempt = 0; attempt < 1_200 && !server.hasExited(); attempt += 1) {
    const session = await openSession({ url: adminUrl, connectTimeoutMs: 1_000 }).catch(() => undefined);
    if (session !== undefined) {
      await session.close();
      return true;
    }
    await sleep(50);
  }
  return false;
}

async function stop(server: Started, dismiss: () => void): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    if (server.hasExited()) break;
    process.kill(server.pid, signal);
    const patience = new AbortController();
    const limit = sleep(15_000, undefined, { signal: patience.signal }).catch(() => undefined);
    await Promise.race([server.exited, limit]);
    patience.abort();
  }
  dismiss();
}
