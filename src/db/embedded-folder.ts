import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { GateError } from '../core/gate-error.ts';
import { type RunAs, reachableBy } from './embedded-user.ts';

/** Where the embedded Postgres keeps its things. */
export interface Folders {
  /** The cluster, owned by the user who runs it, in a place which that user can enter. */
  readonly data: string;
  /** Password of the administrator, readable by us only, beside the folder that the caller named. */
  readonly passwordFile: string;
  /** Present once the cluster is complete; a cluster without it was cut short while it was made. */
  readonly completeFile: string;
}

/**
 * Prepares `dataDir`. When the user who runs Postgres cannot enter it (root's own checkout under /root), the data goes
 * to a fresh folder under /var/tmp and `dataDir` becomes a link to it, so that the next start finds it again. A link
 * whose folder is gone, or a cluster that was cut short, starts over. Throws GateError `bad-config` on a folder with
 * somebody else's files in it.
 */
export async function prepareFolders(dataDir: string, user: RunAs): Promise<Folders> {
  const named = resolve(dataDir);
  await mkdir(dirname(named), { recursive: true });
  const files = { passwordFile: `${named}.password`, completeFile: `${named}.complete` };
  const entry = await lstat(named).catch(() => undefined);
  const target = entry === undefined ? undefined : await realpath(named).catch(() => undefined);
  if (target !== undefined) {
    await clearUnfinished(target, files);
    return { data: target, ...files };
  }
  await rm(named, { force: true });
  await rm(files.completeFile, { force: true });
  return { data: await makeDataFolder(named, user), ...files };
}

/** Empties a folder that we began to fill and did not finish. */
async function clearUnfinished(data: string, files: Omit<Folders, 'data'>): Promise<void> {
  const names = await readdir(data);
  if (names.length === 0 || (await exists(files.completeFile))) return;
  if (!(await exists(files.passwordFile))) {
    throw new GateError('bad-config', `${data} holds files that talosgate did not make; choose an empty folder`);
  }
  for (const name of names) await rm(join(data, name), { recursive: true, force: true });
}

async function makeDataFolder(named: string, user: RunAs): Promise<string> {
  const sheltered = !(await reachableBy(named, user));
  const data = sheltered ? join(await makeShelter(), 'data') : named;
  await mkdir(data, { mode: 0o700 });
  if (user.switched) await chown(data, user.uid, user.gid);
  if (sheltered) await symlink(data, named);
  return data;
}

/** mkdtemp picks an unguessable name, so nobody can have prepared a trap there; 711 lets others pass, not look. */
async function makeShelter(): Promise<string> {
  const path = await mkdtemp('/var/tmp/talosgate-');
  await chmod(path, 0o711);
  return path;
}

/** The password kept from the first start, or `fresh`, written before anything uses it. */
export async function keepPassword(file: string, fresh: string): Promise<string> {
  if (!(await exists(file))) await writeFile(file, fresh, { mode: 0o600, flag: 'wx' });
  return await readFile(file, 'utf8');
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}
