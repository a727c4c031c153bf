import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, readlink, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { GateError } from '../core/gate-error.ts';
import type { RunAs } from './embedded-user.ts';

/** A started program whose lines go to `log`; the last ones are kept for error messages. */
export interface Started {
  readonly pid: number;
  /** Resolves with the exit code, or undefined when a signal ended it. */
  readonly exited: Promise<number | undefined>;
  readonly hasExited: () => boolean;
  readonly lastLines: () => string;
  /** From now on the program does not keep this process from ending. */
  readonly unref: () => void;
}

const environment = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/**
 * Starts a program as `user`, in a process group of its own: Ctrl-C on a terminal must reach the gateway only, which
 * still needs its database to shut down in order.
 */
export function startAs(user: RunAs, program: string, args: readonly string[], log: (line: string) => void): Started {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: '/',
    env: environment,
    detached: true,
    ...identity(user),
  });
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', line => {
      lines.push(line);
      if (lines.length > 20) lines.shift();
      log(line);
    });
  }
  let done = false;
  const exited = new Promise<number | undefined>(settle => {
    child.on('error', error => {
      lines.push(error.message);
      done = true;
      settle(1);
    });
    child.on('exit', code => {
      done = true;
      settle(code ?? undefined);
    });
  });
  const unref = (): void => {
    child.unref();
    unrefPipe(child.stdout);
    unrefPipe(child.stderr);
  };
  return { pid: child.pid ?? 0, exited, hasExited: () => done, lastLines: () => lines.join('\n'), unref };
}

/**
 * Stops the server when this process dies without stopping it (kill -9): a shell holds a pipe to us and sends a fast
 * shutdown when the pipe closes. Returns how to dismiss it.
 */
export function guardAgainstOurDeath(user: RunAs, pid: number): () => void {
  const guard: ChildProcess = spawn('/bin/sh', ['-c', 'read -r line; kill -INT "$0" 2>/dev/null', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
    env: environment,
    detached: true,
    ...identity(user),
  });
  guard.on('error', () => undefined);
  guard.unref();
  guard.stdin?.on('error', () => undefined);
  unrefPipe(guard.stdin);
  return () => guard.kill('SIGKILL');
}

/**
 * Makes way for a new server in `data`. A server left by a killed process is shutting down: it is waited for. A
 * postmaster.pid whose process is gone, or is some other program by now (process numbers start over in a container),
 * is removed. Throws GateError `bad-config` when a server goes on running there.
 */
export async function awaitPredecessor(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid');
  for (let attempt = 0; ; attempt += 1) {
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text === undefined) return;
    const pid = Number(text.split('\n')[0]);
    if (!(await isServerOf(pid, data))) {
      await rm(file, { force: true });
      return;
    }
    if (attempt === 100) {
      throw new GateError('bad-config', `another Postgres (process ${pid}) is running on ${data}; stop it first`);
    }
    await sleep(100);
  }
}

async function isServerOf(pid: number, data: string): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return false;
  if (process.platform !== 'linux') return true;
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  return folder === data;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Pipes to a child are sockets, which the type does not say. */
function unrefPipe(pipe: unknown): void {
  (pipe as Socket | null)?.unref();
}

function identity(user: RunAs): { uid?: number; gid?: number } {
  return user.switched ? { uid: user.uid, gid: user.gid } : {};
}
