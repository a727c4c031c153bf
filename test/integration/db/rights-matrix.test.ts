// Who may do what to which object of the schema, compared as a whole with what is declared in `rights/`, one file for each part
// (the first word of the object's name). A new object fails until it has a line there: `npx vitest run rights-matrix -u`
// writes the lines, and the change is what a reviewer looks at.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSession, type Session } from '../../../src/db/connection.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
let admin: Session;
beforeAll(async () => {
  database = await createTestDatabase();
  admin = await openSession({ url: database.adminUrl });
});
afterAll(async () => {
  await admin.close();
  await database.drop();
});

// Grants as they stand, to roles and to PUBLIC, those of the owner aside; an object without a list of its own has the default.
const matrix = `
  WITH object AS (
    SELECT CASE WHEN relkind = 'S' THEN 'sequence' WHEN relkind IN ('v', 'm') THEN 'view' ELSE 'table' END AS sort,
      regexp_replace(relname, '_p[0-9]{9}$', '_p*') AS name, relowner AS owner,
      coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)) AS acl
    FROM pg_class WHERE relnamespace = 'talosgate'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    UNION ALL SELECT 'column', relname || '.' || attname, relowner, attacl
    FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
    WHERE relnamespace = 'talosgate'::regnamespace AND attacl IS NOT NULL
    UNION ALL SELECT 'type', typname, typowner, coalesce(typacl, acldefault('T', typowner))
    FROM pg_type AS t LEFT JOIN pg_class AS c ON c.oid = typrelid
    WHERE typnamespace = 'talosgate'::regnamespace AND typelem = 0 AND coalesce(relkind, 'c') = 'c'
    UNION ALL SELECT 'function', proname, proowner, coalesce(proacl, acldefault('f', proowner))
    FROM pg_proc WHERE pronamespace = 'talosgate'::regnamespace)
  SELECT part, line FROM (SELECT split_part(name, '_', 1) AS part,
    sort || ' ' || name || ': ' || coalesce(string_agg(DISTINCT given, ', ' ORDER BY given), 'nobody') AS line
  FROM object LEFT JOIN LATERAL (
    SELECT coalesce(rolname, 'PUBLIC') || ' ' || privilege_type AS given
    FROM aclexplode(acl) LEFT JOIN pg_roles ON pg_roles.oid = grantee WHERE grantee <> owner) AS g ON true
  GROUP BY sort, name) AS lines ORDER BY part, line COLLATE "C"`;

test('every object of the schema gives exactly what is declared, and no other part exists', async () => {
  const rows = await admin.query<{ part: string; line: string }>(matrix);
  const parts = Object.groupBy(rows, row => row.part);
  for (const [part, own = []] of Object.entries(parts)) {
    await expect(`${own.map(row => row.line).join('\n')}\n`).toMatchFileSnapshot(`rights/${part}.txt`);
  }
  expect(rows.filter(({ line }) => line.includes('PUBLIC') || line.includes('talosgate_owner'))).toEqual([]);
  // The gateway's login may run functions, and nothing else.
  const writers = rows.filter(({ line }) => line.includes('talosgate_writer'));
  expect(writers.filter(({ line }) => !line.startsWith('function '))).toEqual([]);
});

test('whatever can be changed is guarded by triggers, in the log, its head and its partitions', async () => {
  const rows = await admin.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class AS c
     WHERE relnamespace = 'talosgate'::regnamespace AND relkind IN ('r', 'p') AND relname ~ '^audit_(entry|head|entry_p[0-9]+)$'
       AND (SELECT bit_or(tgtype) FROM pg_trigger WHERE tgrelid = c.oid AND tgenabled = 'A') & (8 + 16 + 32) <> 8 + 16 + 32`,
  );
  expect(rows).toEqual([]);
});
