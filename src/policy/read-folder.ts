import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Problem } from './problem.ts';

/** One file of the policy folder as it was read. `name` carries the folder's own name: `policies/policy.csv`. */
export interface PolicyFile {
  readonly name: string;
  readonly kind: 'model' | 'rules' | 'cases' | 'terms';
  readonly text: string;
}

/** The folder at one moment. `revision` is SHA-256, hex, over names and contents: the same text gives the same one. */
export interface PolicyFolder {
  readonly files: readonly PolicyFile[];
  readonly revision: string;
  readonly problems: readonly Problem[];
}

/** Largest file that is read, in bytes; 10,000 rules are about one million. */
const largestFile = 16 * 1024 * 1024;

/**
 * Reads `model.conf`, `approvals.yaml`, `*.csv` and `*.test.yaml`, in name order. Hidden files, editor leftovers and other endings are left
 * alone, except other YAML files: a file that looks like policy and is not read would mislead. Never throws.
 */
export async function readPolicyFolder(directory: string): Promise<PolicyFolder> {
  const label = basename(directory);
  const files: PolicyFile[] = [];
  const problems: Problem[] = [];
  const hash = createHash('sha256');
  for (const entry of await listFolder(directory, label, problems)) {
    const name = `${label}/${entry}`;
    const kind = kindOf(entry);
    if (kind === undefined) continue;
    if (kind === 'stray') {
      problems.push(at(name, 'this file is not read; a file of cases is named *.test.yaml'));
      continue;
    }
    const bytes = await readFile(join(directory, entry)).catch((error: unknown) => reasonOf(error));
    const text = typeof bytes === 'string' ? undefined : decode(bytes);
    if (typeof bytes === 'string') problems.push(at(name, `cannot be read (${bytes}); check the file's rights`));
    else if (bytes.length > largestFile) problems.push(at(name, `larger than ${largestFile} bytes; split the file`));
    else if (text === undefined) problems.push(at(name, 'not UTF-8 text; save the file as UTF-8'));
    else files.push({ name, kind, text });
    hash.update(`${entry.length}:${entry}${bytes.length}:`).update(bytes);
  }
  if (problems.length === 0) {
    if (!files.some(file => file.kind === 'model'))
      problems.push(at(`${label}/model.conf`, 'the file is missing; put the shipped one back'));
    if (!files.some(file => file.kind === 'rules'))
      problems.push(at(`${label}/policy.csv`, 'there is no *.csv file; without rules everything is refused'));
  }
  return { files, revision: hash.digest('hex'), problems };
}

async function listFolder(directory: string, label: string, problems: Problem[]): Promise<string[]> {
  try {
    // Sorted by code units, so that the order of rules does not depend on a locale.
    return (await readdir(directory)).sort();
  } catch (error) {
    problems.push(
      at(label, `the policy folder cannot be read (${reasonOf(error)}); check policy.directory in the configuration`),
    );
    return [];
  }
}

function kindOf(entry: string): PolicyFile['kind'] | 'stray' | undefined {
  if (entry.startsWith('.') || entry.startsWith('#')) return undefined;
  if (entry === 'model.conf') return 'model';
  if (entry === 'approvals.yaml') return 'terms';
  if (entry.endsWith('.csv')) return 'rules';
  if (entry.endsWith('.test.yaml')) return 'cases';
  return entry.endsWith('.yaml') || entry.endsWith('.yml') ? 'stray' : undefined;
}

function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown reason';
}

function at(file: string, message: string): Problem {
  return { file, line: 1, column: 1, message };
}
