import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createCatalog } from '../../../src/catalog/catalog.ts';
import { supportedModel } from '../../../src/policy/model.ts';

/** The real table of actions. */
export const { actions } = createCatalog();

/** The folder that ships. */
export const shipped = new URL('../../../policies', import.meta.url).pathname;

export interface Folder {
  readonly directory: string;
  /** How messages name the folder. */
  readonly label: string;
  write(name: string, text: string): Promise<void>;
  remove(name: string): Promise<void>;
}

/** A policy folder of its own for one test, with a good model and the files given. */
export async function folderWith(files: Readonly<Record<string, string>>): Promise<Folder> {
  const directory = await mkdtemp(join(tmpdir(), 'policy-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const write = (name: string, text: string) => writeFile(join(directory, name), text);
  for (const [name, text] of Object.entries({ 'model.conf': supportedModel, ...files })) await write(name, text);
  return { directory, label: basename(directory), write, remove: name => rm(join(directory, name)) };
}
