import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GateError } from '../core/gate-error.ts';

/** One numbered SQL file. Forward only: there is no way back but a backup. */
export interface Migration {
  readonly number: number;
  /** File name, `0001_roles.sql`. */
  readonly file: string;
  readonly text: string;
  /** SHA-256 over the file, hex. */
  readonly checksum: string;
  /** True where the first line is `-- as: admin`: runs with the rights of the connecting login, else as the owner role. */
  readonly asAdmin: boolean;
}

/** The folder that ships with the code. */
export const migrationsDirectory = fileURLToPath(new URL('../../migrations', import.meta.url));

const fileName = /^(\d{4})_[a-z0-9_]+\.sql$/;
// A file that ends its own transaction would leave half of itself behind. PL/pgSQL's BEGIN carries no semicolon.
const transactionControl = /^\s*(begin|commit|rollback|start\s+transaction|end)\s*(transaction|work)?\s*;/im;

/**
 * Reads the migrations of a folder in order. Throws GateError `bad-config` that names the file on a wrong name, a number
 * used twice or left out, and on transaction control inside a file.
 */
export async function readMigrations(directory: string): Promise<Migration[]> {
  const names = (await readdir(directory)).filter(name => name.endsWith('.sql')).sort();
  const migrations: Migration[] = [];
  for (const file of names) {
    const number = Number(fileName.exec(file)?.[1]);
    if (Number.isNaN(number)) refuse(`migrations/${file}: a migration is named NNNN_words.sql`);
    const expected = migrations.length + 1;
    if (number !== expected)
      refuse(`migrations/${file}: expected number ${expected} next, numbers must not be left out`);
    migrations.push(parseMigration(number, file, await readFile(join(directory, file), 'utf8')));
  }
  if (migrations.length === 0) refuse(`no migrations in ${directory}`);
  return migrations;
}

function parseMigration(number: number, file: string, text: string): Migration {
  const control = transactionControl.exec(withoutBodies(text));
  if (control !== null) {
    refuse(`migrations/${file}: contains ${control[0].trim()}; every file runs inside one transaction already`);
  }
  const checksum = createHash('sha256').update(text).digest('hex');
  return { number, file, text, checksum, asAdmin: text.startsWith('-- as: admin\n') };
}

/** Function bodies may hold `END;`. They stand between dollar quotes. */
function withoutBodies(text: string): string {
  return text.replace(/\$([a-z_]*)\$[\s\S]*?\$\1\$/g, '');
}

function refuse(message: string): never {
  throw new GateError('bad-config', message);
}
