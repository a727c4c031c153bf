import { expect, test } from 'vitest';
import { findTalosctl } from './support/binaries.ts';

const found = await findTalosctl(process.env);

test('which talosctl is compared, or that none is', () => {
  const list = found.binaries.map(({ version, path }) => `${version} (${path})`).join(', ');
  const line = found.binaries.length === 0 ? `SKIPPED: ${found.about}` : `comparing ${list}, ${found.about}`;
  process.stdout.write(`\n*** test/talosctl: ${line} ***\n`);
  expect(found.about).not.toBe('');
});

test('a TALOSCTL that cannot be run is a failure, not a reason to skip', async () => {
  await expect(findTalosctl({ TALOSCTL: '/nowhere/talosctl' })).rejects.toThrow(/ENOENT/);
});

test('without TALOSCTL the first one on PATH is taken, and none is no failure', async () => {
  expect(await findTalosctl({ PATH: '/nowhere' })).toEqual({
    binaries: [],
    about: 'no talosctl on PATH, and TALOSCTL names none',
  });
});
