import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** A stock talosctl of this machine. */
export interface Talosctl {
  /** Absolute path. */
  readonly path: string;
  /** As it says itself: v1.13.9. */
  readonly version: string;
  /** 1.13 from v1.13.9. */
  readonly line: string;
}

export interface Found {
  readonly binaries: readonly Talosctl[];
  /** Why there is none, or from where they are. */
  readonly about: string;
}

const run = promisify(execFile);

/**
 * Every talosctl that TALOSCTL names (separated as in PATH), else the first one on PATH. Rejects when TALOSCTL names
 * something that cannot be run: whoever asked for a version must not get a green run without it.
 */
export async function findTalosctl(env: NodeJS.ProcessEnv): Promise<Found> {
  const named = (env['TALOSCTL'] ?? '').split(delimiter).filter(path => path !== '');
  if (named.length > 0) {
    const binaries = await Promise.all(named.map(path => identify(resolve(path))));
    return { binaries, about: 'named by TALOSCTL' };
  }
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'talosctl');
    if (isAbsolute(path) && (await isExecutable(path))) return { binaries: [await identify(path)], about: 'on PATH' };
  }
  return { binaries: [], about: 'no talosctl on PATH, and TALOSCTL names none' };
}

async function identify(path: string): Promise<Talosctl> {
  const { stdout } = await run(path, ['version', '--client', '--short']);
  const version = /v\d+\.\d+\.\d+\S*/.exec(stdout)?.[0];
  const line = /^v(\d+\.\d+)\./.exec(version ?? '')?.[1];
  if (version === undefined || line === undefined) throw new Error(`${path} states no version: ${stdout}`);
  return { path, version, line };
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
