import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';

/** How often a watched file is looked at, at most, in milliseconds. */
const watchIntervalMs = 1_000;

/** Largest file that is read. */
const maxFileBytes = 16 * 1024 * 1024;

/** Content of a file that may change while the gateway runs. */
export interface WatchedFile<T> {
  /**
   * Content as of at most one second ago. A file that went missing or became unreadable keeps its last good content:
   * a revoked credential stays revoked, a known key stays known.
   */
  current(): Promise<T>;
  /** Looks at the file now, whenever it was last looked at. */
  check(): Promise<T>;
}

export interface WatchedFileOptions<T> {
  readonly path: string;
  readonly clock: Clock;
  /** Throws when the text makes no sense. */
  readonly parse: (text: string) => T;
  /** Told once per new trouble, with the file's path in the text. */
  readonly onProblem: (message: string) => void;
}

/**
 * Reads a file and reads it again after it changed, by looking at it when somebody asks: no timer, nothing to close.
 * Replace the file by renaming a complete one over it. Throws GateError `bad-config` when the first read fails.
 */
export async function openWatchedFile<T>(options: WatchedFileOptions<T>): Promise<WatchedFile<T>> {
  const { path, clock, parse } = options;
  let signature = await signatureOf(path);
  let content: T;
  try {
    content = parse(await readBounded(path));
  } catch (cause) {
    throw new GateError('bad-config', `${path}: ${reasonOf(cause)}`, { cause });
  }
  let checkedAt = clock.now();
  let pending: Promise<T> | undefined;
  let problem: string | undefined;

  async function look(): Promise<T> {
    try {
      const seen = await signatureOf(path);
      if (seen !== signature) {
        content = parse(await readBounded(path));
        signature = seen;
      }
      problem = undefined;
    } catch (cause) {
      const message = `${path}: ${reasonOf(cause)}; the last good content stays in use`;
      if (message !== problem) options.onProblem(message);
      problem = message;
    }
    checkedAt = clock.now();
    return content;
  }

  function check(): Promise<T> {
    pending ??= look().finally(() => {
      pending = undefined;
    });
    return pending;
  }

  return {
    check,
    current: () => (Math.abs(clock.now() - checkedAt) < watchIntervalMs ? Promise.resolve(content) : check()),
  };
}

async function signatureOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (cause) {
    throw new GateError('bad-config', `${path}: ${reasonOf(cause)}`, { cause });
  }
}

async function readBounded(path: string): Promise<string> {
  const bytes = await readFile(path);
  if (bytes.length > maxFileBytes) throw new Error(`larger than ${maxFileBytes} bytes`);
  return bytes.toString('utf8');
}

function reasonOf(cause: unknown): string {
  if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return 'no such file';
  return cause instanceof Error ? cause.message : String(cause);
}
