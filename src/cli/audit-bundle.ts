import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type BundleOptions, type BundleResult, writeBundle } from '../seal/write-bundle.ts';
import { openSource, type SourceOptions, said } from './audit-source.ts';
import type { CliContext } from './context.ts';

/** Writes a bundle into a folder, where none of its files may be yet. Rejects with GateError in words for people. */
export async function writeBundleFolder(
  folder: string,
  from: SourceOptions,
  options: BundleOptions,
  context: CliContext,
): Promise<BundleResult> {
  const { source, close } = await openSource(from, context);
  const put = async (path: string, content: Buffer): Promise<void> => {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content, { flag: 'wx' });
  };
  try {
    return await said(() => writeBundle(source, put, options));
  } finally {
    await close();
  }
}
