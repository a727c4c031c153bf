import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../core/clock.ts';
import type { Output } from './output.ts';

/** What every subcommand is given instead of reaching for the process. */
export interface CliContext {
  readonly output: Output;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
}

/** Root of the installed package: where `policies/` and `migrations/` stand, beside `src/` or `dist/`. */
export const packageRoot = fileURLToPath(new URL('../../', import.meta.url));

/** Resolves on the first SIGINT or SIGTERM; a second one, whichever of them, ends the process at once. */
export function untilStopped(): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    let stopping = false;
    const stop = (signal: NodeJS.Signals): void => {
      if (stopping) process.exit(130);
      stopping = true;
      resolve(signal);
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
}

/** SQL files of the package. */
export const migrationsFolder = `${packageRoot}migrations`;

/** Version of the package, from its package.json. */
export const version = (JSON.parse(readFileSync(`${packageRoot}package.json`, 'utf8')) as { version: string }).version;
