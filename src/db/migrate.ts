import { GateError } from '../core/gate-error.ts';
import { type ConnectionSettings, openSession, type Session } from './connection.ts';
import { DatabaseError } from './database-error.ts';
import { restrictDatabase } from './logins.ts';
import { type Migration, migrationsDirectory, readMigrations } from './migration-files.ts';
import { inTransaction } from './transaction.ts';

export interface MigrateResult {
  /** Files applied by this run, in order. */
  readonly applied: readonly string[];
  /** Number of the newest file, which is now the version of the schema. */
  readonly version: number;
}

/**
 * Brings a database up to date: every file that is not in the ledger, in order, one transaction each. Several starters
 * at once are safe: they take turns, and the ledger row goes in before the file runs. `adminUrl` names a login
 * that may create roles. Throws GateError `bad-config`, naming the file and for a mistake in SQL the line, when a file
 * was changed after it was applied, is missing, or when the database is newer than this code.
 */
export async function migrate(adminUrl: string, directory: string = migrationsDirectory): Promise<MigrateResult> {
  const migrations = await readMigrations(directory);
  // A migration may rewrite a large table; the limit only keeps a stuck one from hanging a start for ever.
  const settings: ConnectionSettings = { url: adminUrl, applicationName: 'talosgate migrate', queryTimeoutMs: 600_000 };
  const session = await openSession(settings);
  try {
    // Held until the session closes. The ledger row alone would do, were it not for changes to the ledger table itself.
    await session.query(`SELECT pg_advisory_lock(hashtext('talosgate.migration'))`);
    await createLedger(session);
    await compareLedger(session, migrations);
    const applied: string[] = [];
    for (const migration of migrations) {
      if (await applyOnce(session, migration)) applied.push(migration.file);
    }
    await restrictDatabase(session);
    return { applied, version: migrations.length };
  } finally {
    await session.close();
  }
}

async function createLedger(session: Session): Promise<void> {
  await session.query(`
    CREATE SCHEMA IF NOT EXISTS talosgate;
    CREATE TABLE IF NOT EXISTS talosgate.migration (
      number integer PRIMARY KEY,
      file text NOT NULL,
      checksum text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now()
    );
    REVOKE ALL ON talosgate.migration FROM PUBLIC`);
}

async function compareLedger(session: Session, migrations: readonly Migration[]): Promise<void> {
  const rows = await session.query<{ number: number; file: string; checksum: string }>(
    'SELECT number, file, checksum FROM talosgate.migration ORDER BY number',
  );
  const newest = rows.at(-1)?.number ?? 0;
  if (newest > migrations.length) {
    refuse(
      `the database is at migration ${newest}, this version of talosgate knows ${migrations.length}; ` +
        'start the newer talosgate, or restore the backup made before the upgrade',
    );
  }
  for (const [index, row] of rows.entries()) {
    const migration = migrations[index];
    if (migration === undefined || migration.number !== row.number) {
      refuse(`the database's ledger lacks migration ${index + 1} before ${row.file}; restore it from a backup`);
    }
    if (migration.file !== row.file || migration.checksum !== row.checksum) {
      refuse(
        `migrations/${migration.file} is not the file that was applied as ${row.file}; ` +
          'restore the original and put the change into a new migration',
      );
    }
  }
}

async function applyOnce(session: Session, migration: Migration): Promise<boolean> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await inTransaction(session, async tx => {
        const row = await tx.query(
          'INSERT INTO talosgate.migration (number, file, checksum) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING number',
          [migration.number, migration.file, migration.checksum],
        );
        if (row.length === 0) return false;
        if (!migration.asAdmin) await tx.query('SET LOCAL ROLE talosgate_owner');
        await tx.query('SET LOCAL search_path = talosgate, pg_temp');
        await tx.query(migration.text);
        return true;
      });
    } catch (thrown) {
      // Roles belong to the whole server: another database's migration may be changing the same catalog row.
      const raced = thrown instanceof DatabaseError && /tuple concurrently (updated|deleted)/.test(thrown.message);
      if (!raced || attempt === 5) throw explain(thrown, migration);
    }
  }
}

function explain(thrown: unknown, migration: Migration): unknown {
  if (!(thrown instanceof DatabaseError)) return thrown;
  const line = thrown.position === undefined ? '' : `:${migration.text.slice(0, thrown.position).split('\n').length}`;
  return new GateError('bad-config', `migrations/${migration.file}${line}: ${thrown.message}`, { cause: thrown });
}

function refuse(message: string): never {
  throw new GateError('bad-config', message);
}
