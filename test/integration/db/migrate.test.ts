import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSession } from '../../../src/db/connection.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

test('createTestDatabase gives a migrated database to all three logins', async () => {
  for (const url of [database.adminUrl, database.writerUrl, database.readerUrl]) {
    const session = await openSession({ url });
    const [row] = await session.query<{ version: number }>('SELECT talosgate.schema_version() AS version');
    expect(row?.version).toBeGreaterThanOrEqual(9);
    await session.close();
  }
});
