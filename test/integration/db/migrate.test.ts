import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { openSession, type Session } from '../../../src/db/connection.ts';
import { migrate } from '../../../src/db/migrate.ts';
import { migrationsDirectory } from '../../../src/db/migration-files.ts';

let server: Session;
let url: string;
let name: string;
let folder: string;
beforeAll(async () => {
  server = await openSession({ url: inject('postgres').adminUrl, queryTimeoutMs: 60_000 });
});
afterAll(() => server.close());
beforeEach(async () => {
  name = `talosgate_test_${randomBytes(6).toString('hex')}`;
  await server.query(`CREATE DATABASE ${name}`);
  const changed = new URL(inject('postgres').adminUrl);
  changed.pathname = `/${name}`;
  url = changed.href;
  folder = await mkdtemp(join(tmpdir(), 'talosgate-migrations-'));
  await cp(migrationsDirectory, folder, { recursive: true });
});
afterEach(async () => {
  await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
  await rm(folder, { recursive: true });
});

const files = async (): Promise<string[]> => (await readdir(folder)).filter(file => file.endsWith('.sql')).sort();
const nextFile = async (): Promise<string> => `${String((await files()).length + 1).padStart(4, '0')}_next.sql`;

describe('migrate', () => {
  test('applies every file once when many start at the same moment', async () => {
    const results = await Promise.all(Array.from({ length: 8 }, () => migrate(url, folder)));
    expect(results.flatMap(result => result.applied).sort()).toEqual(await files());
  });

  test('applies only what is new to a database that has the rest', async () => {
    await migrate(url, folder);
    const file = await nextFile();
    await writeFile(join(folder, file), 'CREATE TABLE fresh ();');
    expect((await migrate(url, folder)).applied).toEqual([file]);
    const on = await openSession({ url });
    const owners = await on.query(
      `SELECT tableowner FROM pg_tables WHERE schemaname = 'talosgate' AND tablename = 'fresh'`,
    );
    expect(owners).toEqual([{ tableowner: 'talosgate_owner' }]);
    await on.close();
  });

  test('refuses a file that was changed after it was applied, by name', async () => {
    await migrate(url, folder);
    const [, second = ''] = await files();
    await writeFile(join(folder, second), `${await readFile(join(folder, second), 'utf8')}\n-- more`);
    await expect(migrate(url, folder)).rejects.toMatchObject({
      code: 'bad-config',
      message: expect.stringContaining(`migrations/${second}`) as string,
    });
  });

  test('refuses a database that is newer than the code', async () => {
    await migrate(url, folder);
    await rm(join(folder, (await files()).at(-1) ?? ''));
    await expect(migrate(url, folder)).rejects.toThrow(/start the newer talosgate/);
  });

  test('names file and line of a mistake in SQL, and leaves nothing of the file behind', async () => {
    const file = await nextFile();
    await writeFile(join(folder, file), 'CREATE TABLE half ();\n\nCREATE TABEL broken ();\n');
    await expect(migrate(url, folder)).rejects.toThrow(`migrations/${file}:3: syntax error`);
    const on = await openSession({ url });
    expect(await on.query(`SELECT to_regclass('talosgate.half') AS half`)).toEqual([{ half: null }]);
    await on.close();
  });
});
