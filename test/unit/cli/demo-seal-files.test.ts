import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keepSealKey } from '../../../src/cli/demo/seal-files.ts';
import { parsePolicy } from '../../../src/tlog/policy.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'talosgate-demo-seal-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('the key of the demo stays from start to start, and only its owner can read it', async () => {
  const directory = join(folder, 'demo');
  const first = await keepSealKey(directory);
  const key = await readFile(join(directory, first.settings.key.file), 'utf8');
  expect(await keepSealKey(directory)).toEqual(first);
  expect(await readFile(join(directory, first.settings.key.file), 'utf8')).toBe(key);
  expect((await stat(join(directory, first.settings.key.file))).mode & 0o777).toBe(0o600);
  const other = await keepSealKey(join(folder, 'other'));
  expect(other.trustPolicy).not.toBe(first.trustPolicy);
  expect(parsePolicy(first.trustPolicy)).toMatchObject({
    logs: [{ name: first.settings.origin }],
    needsWitnesses: false,
  });
});
