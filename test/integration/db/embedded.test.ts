import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSession } from '../../../src/db/connection.ts';
import { startEmbedded } from '../../../src/db/embedded.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp('/var/tmp/talosgate-test-');
  await chmod(folder, 0o711);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function note(adminUrl: string, sql: string): Promise<object[]> {
  const session = await openSession({ url: adminUrl });
  const rows = await session.query(sql);
  await session.close();
  return rows;
}

describe('startEmbedded', () => {
  test('keeps data over stop and start, and listens on loopback only', async () => {
    const dataDir = join(folder, 'data');
    const first = await startEmbedded({ dataDir });
    await note(first.adminUrl, 'CREATE TABLE kept AS SELECT 7 AS n');
    const outside = Object.values(networkInterfaces())
      .flatMap(addresses => addresses ?? [])
      .find(address => !address.internal && address.family === 'IPv4');
    if (outside !== undefined) {
      const url = new URL(first.adminUrl);
      url.hostname = outside.address;
      await expect(openSession({ url: url.href })).rejects.toMatchObject({ failure: 'unreachable' });
    }
    await first.stop();
    await first.stop();
    const second = await startEmbedded({ dataDir });
    expect(await note(second.adminUrl, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
    await second.stop();
  }, 60_000);

  test('starts again after its process was killed, and the orphaned server goes away', async () => {
    const dataDir = join(folder, 'data');
    const module = new URL('../../../src/db/embedded.ts', import.meta.url).href;
    const script = `
      const { startEmbedded } = await import(${JSON.stringify(module)});
      const postgres = await startEmbedded({ dataDir: ${JSON.stringify(dataDir)} });
      console.log(postgres.pid);
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    child.kill('SIGKILL');
    await once(child, 'exit');
    const again = await startEmbedded({ dataDir });
    expect(again.pid).not.toBe(Number(line.toString()));
    // Gone, or dead and not yet collected by init: a zombie has no folder.
    await expect(readlink(`/proc/${line.toString().trim()}/cwd`)).rejects.toThrow(/ENOENT/);
    await again.stop();
  }, 60_000);

  test('is not stopped by a postmaster.pid whose number belongs to another program by now', async () => {
    const dataDir = join(folder, 'data');
    const first = await startEmbedded({ dataDir });
    await first.stop();
    await writeFile(join(dataDir, 'postmaster.pid'), `${process.ppid}\n${dataDir}\n`);
    const second = await startEmbedded({ dataDir });
    await second.stop();
  }, 60_000);

  test('refuses a folder with files that are not its own', async () => {
    const dataDir = join(folder, 'data');
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'thesis.txt'), 'precious');
    await expect(startEmbedded({ dataDir })).rejects.toMatchObject({ code: 'bad-config' });
    expect((await stat(join(dataDir, 'thesis.txt'))).size).toBe(8);
  });

  test.runIf(process.getuid?.() === 0)(
    'runs for root in a folder that only root may enter, with the data elsewhere behind a link',
    async () => {
      const closed = join(folder, 'closed');
      await mkdir(closed, { mode: 0o700 });
      const dataDir = join(closed, 'data');
      const first = await startEmbedded({ dataDir });
      await note(first.adminUrl, 'CREATE TABLE kept AS SELECT 7 AS n');
      await first.stop();
      const target = await readlink(dataDir);
      expect(target).toMatch(/^\/var\/tmp\/talosgate-/);
      const second = await startEmbedded({ dataDir });
      expect(await note(second.adminUrl, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
      await second.stop();
      await rm(dirname(target), { recursive: true });
    },
    60_000,
  );
});
