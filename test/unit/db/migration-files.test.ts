import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { migrationsDirectory, readMigrations } from '../../../src/db/migration-files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'talosgate-migrations-'));
});
afterEach(() => rm(folder, { recursive: true }));
const put = (file: string, text = 'SELECT 1;'): Promise<void> => writeFile(join(folder, file), text);

describe('readMigrations', () => {
  test('reads those that ship with the code, in order', async () => {
    const migrations = await readMigrations(migrationsDirectory);
    expect(migrations.map(one => one.number)).toEqual(migrations.map((_, index) => index + 1));
    expect(migrations[0]?.asAdmin).toBe(true);
  });

  test('refuses a number left out, naming the file that comes too late', async () => {
    await put('0001_a.sql');
    await put('0003_c.sql');
    await expect(readMigrations(folder)).rejects.toThrow('0003_c.sql: expected number 2');
  });

  test('refuses a number used twice', async () => {
    await put('0001_a.sql');
    await put('0001_b.sql');
    await expect(readMigrations(folder)).rejects.toThrow('0001_b.sql: expected number 2');
  });

  test.each(['1_a.sql', '0001-a.sql', '0001_A.sql'])('refuses the name %s', async file => {
    await put(file);
    await expect(readMigrations(folder)).rejects.toThrow(/NNNN_words\.sql/);
  });

  test.each(['COMMIT;', 'begin;', '  rollback ;', 'START TRANSACTION;'])('refuses %s in a file', async control => {
    await put('0001_a.sql', `SELECT 1;\n${control}\n`);
    await expect(readMigrations(folder)).rejects.toThrow(/one transaction already/);
  });

  test('lets function bodies end as they must', async () => {
    await put('0001_a.sql', 'CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$\nBEGIN\nEND;\n$$;');
    await expect(readMigrations(folder)).resolves.toHaveLength(1);
  });

  test('refuses an empty folder', async () => {
    await expect(readMigrations(folder)).rejects.toThrow(/no migrations/);
  });
});
