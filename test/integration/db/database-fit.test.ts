import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSession, type Session } from '../../../src/db/connection.ts';
import { assertDatabaseFit } from '../../../src/db/database-fit.ts';
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

/** Runs the check under a login of its own that was given `rights`. */
async function checkWith(rights: (role: string) => readonly string[]): Promise<unknown> {
  const role = `talosgate_test_fit_${randomBytes(4).toString('hex')}`;
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
  for (const statement of rights(role)) await admin.query(statement);
  const url = new URL(database.adminUrl);
  url.username = role;
  url.password = 'x';
  const session = await openSession({ url: url.href });
  try {
    return await assertDatabaseFit(session).catch((error: unknown) => error);
  } finally {
    await session.close();
    await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
}

const writer = (role: string): string => `GRANT talosgate_writer TO ${role}`;

describe('assertDatabaseFit', () => {
  test('accepts the writer login that ensureLogins makes', async () => {
    const session = await openSession({ url: database.writerUrl });
    await expect(assertDatabaseFit(session)).resolves.toBeUndefined();
    await session.close();
  });

  test.each<[string, (role: string) => readonly string[], RegExp]>([
    ['a superuser', role => [writer(role), `ALTER ROLE ${role} SUPERUSER`], /superuser.*use a login made by/],
    [
      'more attributes',
      role => [writer(role), `ALTER ROLE ${role} CREATEROLE BYPASSRLS`],
      /CREATEROLE, BYPASSRLS.*ALTER ROLE/,
    ],
    [
      'membership of the owner',
      role => [writer(role), `GRANT talosgate_owner TO ${role}`],
      /member of talosgate_owner.*REVOKE/,
    ],
    ['a way to read files', role => [writer(role), `GRANT pg_read_server_files TO ${role}`], /pg_read_server_files/],
    [
      'a right on a table',
      role => [writer(role), `GRANT SELECT ON talosgate.audit_head TO ${role}`],
      /audit_head.*REVOKE/,
    ],
    [
      'a right on one column',
      role => [writer(role), `GRANT UPDATE (size) ON talosgate.audit_head TO ${role}`],
      /audit_head/,
    ],
    ['a right to create', role => [writer(role), `GRANT CREATE ON SCHEMA talosgate TO ${role}`], /REVOKE CREATE/],
    [
      'no right at all',
      role => [`GRANT CONNECT ON DATABASE ${database.name} TO ${role}`],
      /lacks the role talosgate_writer/,
    ],
  ])('refuses a login with %s and names the remedy', async (_, rights, message) => {
    expect(await checkWith(rights)).toMatchObject({
      code: 'bad-config',
      message: expect.stringMatching(message) as string,
    });
  });

  test('refuses a database that is behind or ahead of the code', async () => {
    const session = await openSession({ url: database.writerUrl });
    const [newest] = await admin.query<{ number: number }>('SELECT max(number) AS number FROM talosgate.migration');
    const number = newest?.number ?? 0;
    await admin.query('UPDATE talosgate.migration SET number = 9999 WHERE number = $1', [number]);
    await expect(assertDatabaseFit(session)).rejects.toThrow(/start the newer version/);
    await admin.query('DELETE FROM talosgate.migration WHERE number = 9999');
    await expect(assertDatabaseFit(session)).rejects.toThrow(/run "talosgate migrate"/);
    await session.close();
  });
});
