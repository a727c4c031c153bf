import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSession, type Session } from '../../../src/db/connection.ts';
import { ensureLogins } from '../../../src/db/logins.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
let admin: Session;
const suffix = randomBytes(4).toString('hex');
// Names and passwords are quoted on the server, so anything goes.
const writer = { user: `talosgate_test_w"${suffix}`, password: `a'b"c\\` };
const reader = { user: `talosgate_test_r_${suffix}`, password: 'x' };

beforeAll(async () => {
  database = await createTestDatabase();
  admin = await openSession({ url: database.adminUrl });
});
afterAll(async () => {
  await admin.query(`DROP ROLE "${writer.user.replaceAll('"', '""')}", "${reader.user}"`);
  await admin.close();
  await database.drop();
});

async function whoIs(login: { user: string; password: string }): Promise<object[]> {
  const url = new URL(database.adminUrl);
  url.username = encodeURIComponent(login.user);
  url.password = encodeURIComponent(login.password);
  const session = await openSession({ url: url.href });
  const rows = await session.query(
    `SELECT session_user::text AS login, pg_has_role('talosgate_writer', 'MEMBER') AS writer,
       pg_has_role('talosgate_reader', 'MEMBER') AS reader, pg_has_role('talosgate_owner', 'MEMBER') AS owner`,
  );
  await session.close();
  return rows;
}

describe('ensureLogins', () => {
  test('makes both logins with one role each, from several places at once', async () => {
    await Promise.all(Array.from({ length: 6 }, () => ensureLogins(database.adminUrl, { writer, reader })));
    expect(await whoIs(writer)).toEqual([{ login: writer.user, writer: true, reader: false, owner: false }]);
    expect(await whoIs(reader)).toEqual([{ login: reader.user, writer: false, reader: true, owner: false }]);
  });

  test('sets the password of a login that exists', async () => {
    const changed = { ...reader, password: 'y' };
    await ensureLogins(database.adminUrl, { writer, reader: changed });
    await expect(whoIs(reader)).rejects.toMatchObject({ failure: 'unreachable' });
    expect(await whoIs(changed)).toHaveLength(1);
  });
});
