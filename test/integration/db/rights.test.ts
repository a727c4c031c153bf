import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSession, type Session } from '../../../src/db/connection.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
let admin: Session;
let relations: readonly Relation[];
beforeAll(async () => {
  database = await createTestDatabase();
  admin = await openSession({ url: database.adminUrl });
  relations = await admin.query<Relation>(
    `SELECT relname AS name, relkind = 'v' AS view, attname AS column FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
     WHERE relnamespace = 'talosgate'::regnamespace AND relkind IN ('r', 'p', 'v') AND attnum = 1`,
  );
  // One record, so that UPDATE and DELETE have something to hit.
  const boot = '00000000-0000-7000-8000-000000000001';
  await admin.query('SELECT talosgate.audit_boot_open($1, $2)', [boot, 'test']);
  await admin.query(
    `SELECT talosgate.audit_append($1, 1, ARRAY[length(body) + 1], '\\x00'::bytea || body, sha256('\\x00'::bytea || body))
     FROM (SELECT convert_to('{"bootId":"00000000-0000-7000-8000-000000000001","kind":"boot.open","mono":"1",
       "time":"2026-01-01T00:00:00.000Z","v":"1","wseq":"1"}', 'UTF8') AS body) AS b`,
    [boot],
  );
});
afterAll(async () => {
  await admin.close();
  await database.drop();
});

interface Relation {
  readonly name: string;
  readonly view: boolean;
  readonly column: string;
}

/** Statements that a login could try on a table; all of them valid, so that only rights can stop them. */
function attempts({ name, view, column }: Relation): readonly string[] {
  const target = `talosgate.${name}`;
  if (view) return [`SELECT FROM ${target}`, `COPY (TABLE ${target}) TO STDOUT`, `DROP VIEW ${target}`];
  return [
    `SELECT FROM ${target}`,
    `SELECT ${column} FROM ${target}`,
    `INSERT INTO ${target} DEFAULT VALUES`,
    `UPDATE ${target} SET ${column} = DEFAULT`,
    `DELETE FROM ${target}`,
    `TRUNCATE ${target}`,
    `COPY ${target} TO STDOUT`,
    `COPY ${target} FROM STDIN`,
    `BEGIN; LOCK TABLE ${target} IN ACCESS SHARE MODE`,
    `DROP TABLE ${target}`,
    `ALTER TABLE ${target} ADD COLUMN x integer`,
    `CREATE TRIGGER x BEFORE INSERT ON ${target} EXECUTE FUNCTION talosgate.audit_refuse_change()`,
  ];
}

/** The functions each role may execute; everything else in the schema is for the owner. Compared both ways. */
const auditFunctions = {
  talosgate_writer: [
    'audit_append',
    'audit_append_claimed',
    'audit_boot_beat',
    'audit_boot_open',
    'audit_boots_to_reap',
    'audit_config_last',
    'audit_config_seen',
    'audit_hold_add',
    'audit_hold_remove',
    'audit_holds',
    'audit_open_calls',
    'audit_partitions_extend',
    'audit_prune_plan',
    'audit_retention_status',
    'audit_search_step',
    'export_fail',
    'export_forget',
    'export_move',
    'export_resume',
    'export_sinks',
    'export_take',
    'notify_register',
    'notify_settle',
    'notify_take',
    'schema_version',
    'session_begin',
    'session_finish',
    'session_kill',
    'session_orders',
    'session_orphans',
    'session_store',
  ],
  talosgate_reader: ['audit_digests', 'schema_version'],
  talosgate_sealer: ['audit_cosign', 'audit_seal'],
  talosgate_retention: ['audit_prune_approved'],
} as const;
const sealViews = [
  'audit_checkpoints',
  'audit_cosignatures',
  'audit_leaf_runs',
  'audit_origins',
  'audit_size',
  'audit_tiles',
];
const views = {
  talosgate_writer: [],
  talosgate_reader: [
    'audit_boot',
    'audit_count',
    'audit_log',
    'audit_open_call',
    'audit_segment',
    'audit_term',
    ...sealViews,
    'session_content',
    'session_list',
  ],
  talosgate_sealer: ['audit_seal_entry', ...sealViews],
} as const;

describe('the writer login', () => {
  test('has no right whatever on any table, partition or view', async () => {
    const writer = await openSession({ url: database.writerUrl });
    expect(relations.length).toBeGreaterThan(10);
    for (const statement of relations.flatMap(attempts)) {
      await expect(writer.query(statement), statement).rejects.toMatchObject({ sqlState: '42501' });
      await writer.query('ROLLBACK');
    }
    await writer.close();
  });

  test.each(Object.entries(views))(
    '%s has in the catalog what is declared, on tables or single columns',
    async (role, declared) => {
      const rows = await admin.query<{ name: string; more: boolean }>(
        `SELECT c.relname AS name,
         has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER, MAINTAIN')
           OR has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE, REFERENCES') AS more
       FROM pg_class AS c, pg_roles AS r
       WHERE c.relnamespace = 'talosgate'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND r.rolname = $1
         AND (has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER, MAINTAIN')
           OR has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))
       ORDER BY c.relname`,
        [role],
      );
      expect(rows).toEqual(declared.toSorted().map(name => ({ name, more: false })));
    },
  );

  test('cannot create anything', async () => {
    const writer = await openSession({ url: database.writerUrl });
    for (const statement of [
      'CREATE TABLE talosgate.x ()',
      'CREATE SCHEMA x',
      'CREATE TEMPORARY TABLE x ()',
      'CREATE ROLE x',
    ]) {
      await expect(writer.query(statement), statement).rejects.toMatchObject({ sqlState: '42501' });
    }
    await writer.close();
  });
});

describe('functions of the schema', () => {
  test.each(Object.entries(auditFunctions))('%s may execute the declared ones and no other', async (role, declared) => {
    const rows = await admin.query<{ name: string }>(
      `SELECT DISTINCT proname AS name FROM pg_proc WHERE pronamespace = 'talosgate'::regnamespace
         AND has_function_privilege($1, oid, 'EXECUTE') AND proname NOT LIKE 'approval%' ORDER BY 1`,
      [role],
    );
    expect(rows.map(row => row.name)).toEqual(declared);
  });

  test('give PUBLIC nothing, pin their search path, and let nobody claim an approval by itself', async () => {
    const rows = await admin.query<{ name: string }>(
      `SELECT p.proname AS name FROM pg_proc AS p WHERE pronamespace = 'talosgate'::regnamespace AND (
         EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a WHERE a.grantee = 0)
         OR NOT coalesce(p.proconfig @> ARRAY['search_path=talosgate, pg_temp'], false)
         OR (p.proname = 'approval_claim' AND has_function_privilege('talosgate_writer', p.oid, 'EXECUTE')))`,
    );
    expect(rows).toEqual([]);
  });
});

describe('PUBLIC', () => {
  test('has nothing on the database, the schema, its tables and types of access', async () => {
    const rows = await admin.query(
      `SELECT 'database' AS what FROM pg_database, aclexplode(datacl) AS a
         WHERE datname = current_database() AND a.grantee = 0
       UNION ALL SELECT 'schema' FROM pg_namespace, aclexplode(nspacl) AS a WHERE nspname = 'talosgate' AND a.grantee = 0
       UNION ALL SELECT relname FROM pg_class, aclexplode(relacl) AS a
         WHERE relnamespace = 'talosgate'::regnamespace AND a.grantee = 0`,
    );
    expect(rows).toEqual([]);
  });
});

describe('the log refuses change even to a superuser', () => {
  test.each([
    ['UPDATE', `UPDATE talosgate.audit_entry SET kind = 'x'`],
    [
      'UPDATE under replica role',
      `SET LOCAL session_replication_role = replica; UPDATE talosgate.audit_entry SET kind = 'x'`,
    ],
    ['DELETE', 'DELETE FROM talosgate.audit_entry'],
    ['DELETE in a partition', 'DELETE FROM talosgate.audit_entry_p000000000'],
    ['TRUNCATE', 'TRUNCATE talosgate.audit_entry'],
    ['TRUNCATE of a partition', 'TRUNCATE talosgate.audit_entry_p000000000'],
    ['TRUNCATE of the head', 'TRUNCATE talosgate.audit_head'],
    ['shrinking', 'UPDATE talosgate.audit_head SET size = 0'],
    ['deleting the head', 'DELETE FROM talosgate.audit_head'],
  ])('%s', async (_, statement) => {
    await expect(admin.query(statement)).rejects.toMatchObject({ sqlState: '42501' });
    const [row] = await admin.query<{ n: number }>('SELECT count(*) AS n FROM talosgate.audit_entry');
    expect(row?.n).toBe(1);
  });
});
