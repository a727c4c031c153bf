import { GateError } from '../core/gate-error.ts';
import { DatabaseError } from './database-error.ts';
import { migrationsDirectory, readMigrations } from './migration-files.ts';
import type { Queryable } from './query.ts';

interface Facts {
  readonly fsync: string;
  readonly full_page_writes: string;
  readonly login: string;
  readonly superuser: boolean;
  readonly attributes: string | null;
  readonly memberships: string | null;
  readonly tables: string | null;
  readonly creates: boolean;
}

// Run as the login itself: catalogs are readable by everybody. Rights through PUBLIC and through roles count too.
const facts = {
  name: 'db.fit.facts',
  text: `
    SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
      me.rolname AS login, me.rolsuper AS superuser,
      concat_ws(', ', CASE WHEN me.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN me.rolcreatedb THEN 'CREATEDB' END,
        CASE WHEN me.rolreplication THEN 'REPLICATION' END, CASE WHEN me.rolbypassrls THEN 'BYPASSRLS' END) AS attributes,
      (SELECT string_agg(r.rolname, ', ' ORDER BY r.rolname) FROM pg_catalog.pg_roles AS r
        WHERE r.oid <> me.oid AND pg_has_role(me.oid, r.oid, 'MEMBER') AND r.rolname <> 'talosgate_writer') AS memberships,
      (SELECT string_agg(c.relname, ', ' ORDER BY c.relname) FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = 'talosgate'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND
          CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(me.oid, c.oid, 'USAGE, SELECT, UPDATE')
          ELSE has_table_privilege(me.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
            OR has_any_column_privilege(me.oid, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES') END) AS tables,
      has_schema_privilege(me.oid, 'talosgate', 'CREATE')
        OR has_database_privilege(me.oid, current_database(), 'CREATE') AS creates
    FROM pg_catalog.pg_roles AS me WHERE me.rolname = session_user`,
};

/**
 * Checks, with the gateway's own login, that the database keeps what it acknowledges, has the schema this code was made
 * for, and gives this login no right on any table. Throws GateError `bad-config` naming the first thing that is wrong
 * and its remedy; a database that cannot be reached is `audit-unavailable`.
 */
export async function assertDatabaseFit(on: Queryable, directory: string = migrationsDirectory): Promise<void> {
  const expected = (await readMigrations(directory)).length;
  const version = await schemaVersion(on);
  if (version < expected) refuse(`the database is at migration ${version} of ${expected}; run "talosgate migrate"`);
  if (version > expected) {
    refuse(`the database is at migration ${version}, this talosgate knows ${expected}; start the newer version`);
  }
  const [found] = await on.query<Facts>(facts);
  if (found === undefined) refuse('the database does not know its own login');
  for (const problem of problems(found)) refuse(problem);
}

async function schemaVersion(on: Queryable): Promise<number> {
  try {
    const rows = await on.query<{ version: number | null }>('SELECT talosgate.schema_version() AS version');
    return rows[0]?.version ?? 0;
  } catch (thrown) {
    if (!(thrown instanceof DatabaseError)) throw thrown;
    // No schema, no function, or no right to either.
    if (thrown.sqlState === '3F000' || thrown.sqlState === '42883') return 0;
    if (thrown.sqlState === '42501') {
      refuse('the database login lacks the role talosgate_writer; run "talosgate migrate", which grants it');
    }
    throw new GateError('audit-unavailable', 'the audit database cannot be reached, see the log', { cause: thrown });
  }
}

function* problems(found: Facts): Generator<string> {
  const { login } = found;
  if (found.fsync !== 'on')
    yield 'Postgres runs with fsync = off and would lose records; set fsync = on and restart it';
  if (found.full_page_writes !== 'on') {
    yield 'Postgres runs with full_page_writes = off and may not survive a crash; set full_page_writes = on and reload it';
  }
  if (found.superuser) {
    yield `database login ${login} is a superuser and could change the audit log; use a login made by "talosgate migrate"`;
  }
  if (found.attributes !== null && found.attributes !== '') {
    yield `database login ${login} has ${found.attributes}; take that away with ALTER ROLE, or use another login`;
  }
  if (found.memberships !== null) {
    yield `database login ${login} is a member of ${found.memberships}; it may be a member of talosgate_writer only: REVOKE`;
  }
  if (found.tables !== null) {
    yield `database login ${login} has rights on ${found.tables}; the gateway needs none on any table: REVOKE them`;
  }
  if (found.creates)
    yield `database login ${login} may create objects in the database; REVOKE CREATE from it and PUBLIC`;
}

function refuse(message: string): never {
  throw new GateError('bad-config', message);
}
