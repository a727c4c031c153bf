import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSigner, generateKey } from '../../tlog/note.ts';

/** Name that the demo's log is signed under. */
const demoOrigin = 'localhost/talosgate-demo';

/** What a sealed demo needs, paths relative to its folder. */
export interface SealFiles {
  /** The part `sealing` of the configuration. */
  readonly settings: { readonly origin: string; readonly key: { readonly file: string }; readonly state: string };
  /** For `audit verify --policy`: the key of this log, and no witness. */
  readonly trustPolicy: string;
}

/**
 * Makes the key that signs the demo's log, once: like the database it stays from start to start, in a folder beside it, so
 * that the log goes on being signed by the same key. Remove both or none.
 */
export async function keepSealKey(directory: string): Promise<SealFiles> {
  const folder = join(directory, 'sealing');
  const file = join(folder, 'seal.key');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(file, generateKey(), { mode: 0o600, flag: 'wx' }).catch((cause: unknown) => {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause;
  });
  const { vkey } = createSigner(demoOrigin, await readFile(file, 'utf8'), 'note').verifier;
  return {
    settings: { origin: demoOrigin, key: { file: 'sealing/seal.key' }, state: 'sealing/state.json' },
    trustPolicy: `# Whom to believe: the key of this demo's log. A real one names witnesses as well (docs/audit.md).\nlog ${vkey}\nquorum none\n`,
  };
}
