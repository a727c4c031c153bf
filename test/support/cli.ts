import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../src/cli/context.ts';
import { createProgram } from '../../src/cli/program.ts';
import { systemClock } from '../../src/core/clock.ts';
import { GateError } from '../../src/core/gate-error.ts';

export interface CliResult {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** The real command line in a process of its own. */
export interface CliRun {
  readonly process: ChildProcess;
  /** Standard output so far. */
  readonly out: string;
  /** Resolves when it has ended. */
  readonly done: Promise<CliResult>;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Starts `talosgate` with these words. Nothing of the test's own environment gets there but the path. */
export function startCli(words: readonly string[], options: CliOptions = {}): CliRun {
  const child = spawn(process.execPath, [`${packageRoot}src/cli/main.ts`, ...words], {
    cwd: options.cwd ?? packageRoot,
    // The cache halves the time to start.
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_COMPILE_CACHE: join(tmpdir(), 'talosgate-test-compile-cache'),
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let error = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    error += text;
  });
  return {
    process: child,
    get out() {
      return out;
    },
    done: new Promise(resolve => child.once('close', code => resolve({ code, out, error }))),
  };
}

/** Runs `talosgate` to its end, in a process of its own. */
export function binary(words: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(words, options).done;
}

/** The same in this process, without what main.ts adds: quick enough for every case. */
export async function cli(words: readonly string[], options: Pick<CliOptions, 'env'> = {}): Promise<CliResult> {
  const lines: Record<'out' | 'error', string[]> = { out: [], error: [] };
  const output = {
    out: (line: string) => void lines.out.push(line),
    error: (line: string) => void lines.error.push(line),
  };
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    const program = createProgram({ output, env: options.env ?? {}, clock: systemClock });
    await program.parseAsync(['node', 'talosgate', ...words]);
  } catch (thrown) {
    lines.error.push(thrown instanceof GateError ? thrown.message : `internal: ${String(thrown)}`);
    process.exitCode = 1;
  }
  const code = process.exitCode;
  process.exitCode = before;
  return {
    code,
    out: lines.out.map(line => `${line}\n`).join(''),
    error: lines.error.map(line => `${line}\n`).join(''),
  };
}
