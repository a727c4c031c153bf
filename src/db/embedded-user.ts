import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { GateError } from '../core/gate-error.ts';

/** Whom Postgres runs as. `switched` is true only when that is somebody other than this process. */
export interface RunAs {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly switched: boolean;
}

/**
 * Postgres refuses to run as root, so root hands over to an unprivileged user that the system already has: `postgres`
 * where there is one, else `nobody`. initdb looks its user up, so a number without a name will not do. Throws
 * GateError `bad-config` when there is neither.
 */
export async function chooseUser(): Promise<RunAs> {
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  if (uid !== 0) return { name: String(uid), uid, gid, switched: false };
  const passwd = await readFile('/etc/passwd', 'utf8');
  for (const name of ['postgres', 'nobody']) {
    const found = parseUser(passwd, name);
    if (found !== undefined) return found;
  }
  throw new GateError(
    'bad-config',
    'Postgres does not run as root, and there is neither a user postgres nor nobody here',
  );
}

function parseUser(passwd: string, name: string): RunAs | undefined {
  const line = passwd.split('\n').find(candidate => candidate.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined || Number(uid) === 0) return undefined;
  return { name, uid: Number(uid), gid: Number(gid), switched: true };
}

/** Whether the user may enter every folder on the way to `path`, by mode bits. Access lists are not looked at. */
export async function reachableBy(path: string, user: RunAs): Promise<boolean> {
  if (!user.switched) return true;
  let current = await realpath(dirname(resolve(path)));
  for (;;) {
    const { mode, uid, gid } = await stat(current);
    const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
    if (((mode >> shift) & 1) === 0) return false;
    if (current === dirname(current)) return true;
    current = dirname(current);
  }
}
