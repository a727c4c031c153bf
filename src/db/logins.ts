import { setTimeout as sleep } from 'node:timers/promises';
import { openSession } from './connection.ts';
import { DatabaseError } from './database-error.ts';
import type { Queryable } from './query.ts';

export interface Login {
  readonly user: string;
  readonly password: string;
}

/**
 * Logins that get the rights of `talosgate_writer` (append and decide, no table), `talosgate_reader` (views) and
 * `talosgate_sealer` (records to look at, checkpoints to add).
 */
export interface Logins {
  readonly writer: Login;
  readonly reader: Login;
  /** Left out where the log is not sealed. */
  readonly sealer?: Login;
  /** Left out where nothing is ever pruned. Not for the gateway. */
  readonly retention?: Login;
}

/**
 * Makes the logins that `serve` uses, or sets their passwords when they exist, and gives each exactly one role. Safe to
 * repeat and to run from several places at once. Needs a login that may create roles; migrations must have run.
 */
export async function ensureLogins(adminUrl: string, logins: Logins): Promise<void> {
  const session = await openSession({ url: adminUrl, applicationName: 'talosgate logins' });
  try {
    // Held until the session closes; keeps starters on one database apart.
    await session.query(`SELECT pg_advisory_lock(hashtext('talosgate.migration'))`);
    await ensureLogin(session, logins.writer, 'talosgate_writer');
    await ensureLogin(session, logins.reader, 'talosgate_reader');
    if (logins.sealer !== undefined) await ensureLogin(session, logins.sealer, 'talosgate_sealer');
    if (logins.retention !== undefined) await ensureLogin(session, logins.retention, 'talosgate_retention');
    await restrictDatabase(session);
  } finally {
    await session.close();
  }
}

/**
 * Takes CONNECT and TEMPORARY on this database from PUBLIC and gives CONNECT to our roles. Run after every migration
 * and clone: Postgres copies neither with a template nor with a dump of one database.
 */
export async function restrictDatabase(on: Queryable): Promise<void> {
  await on.query(`
    DO $do$
    DECLARE
      role name;
    BEGIN
      PERFORM pg_advisory_xact_lock(hashtext('talosgate.migration'));
      EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
      FOR role IN SELECT rolname FROM pg_roles
        WHERE rolname IN ('talosgate_writer', 'talosgate_reader', 'talosgate_sealer', 'talosgate_retention') LOOP
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role);
      END LOOP;
    END
    $do$`);
}

/** A starter on another database of the server may make the same role, or change the same catalog row, right now. */
async function ensureLogin(on: Queryable, login: Login, role: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await alterLogin(on, login, role);
      return;
    } catch (thrown) {
      const raced = thrown instanceof DatabaseError && /already exists|concurrently|duplicate key/.test(thrown.message);
      if (!raced || attempt === 5) throw thrown;
      await sleep(20 * attempt);
    }
  }
}

async function alterLogin(on: Queryable, login: Login, role: string): Promise<void> {
  const exists = await on.query('SELECT 1 AS one FROM pg_roles WHERE rolname = $1', [login.user]);
  // Role names and passwords cannot be parameters of CREATE ROLE; format() quotes them on the server.
  const [verb] = await on.query<{ text: string }>(
    `SELECT format(
       $1 || ' ROLE %I LOGIN PASSWORD %L', $2::text, $3::text
     ) || format('; GRANT %I TO %I', $4::text, $2::text) AS text`,
    [exists.length === 0 ? 'CREATE' : 'ALTER', login.user, login.password, role],
  );
  if (verb !== undefined) await on.query(verb.text);
}
