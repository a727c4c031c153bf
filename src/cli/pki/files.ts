import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A file to write: its text, and whether others may read it. */
export interface PlannedFile {
  readonly text: string;
  readonly secret: boolean;
}

/**
 * Writes files below a directory, making folders on the way. Secret ones get mode 0600 from the moment they exist, and
 * folders 0700 that are made for them. A file that exists is never overwritten: the write fails with EEXIST.
 */
export async function writeFiles(directory: string, files: Readonly<Record<string, PlannedFile>>): Promise<void> {
  for (const [path, { text, secret }] of Object.entries(files)) {
    const file = join(directory, path);
    await mkdir(dirname(file), { recursive: true, mode: secret ? 0o700 : 0o755 });
    await writeFile(file, text, { mode: secret ? 0o600 : 0o644, flag: 'wx' });
  }
}
