import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSession } from '../../../src/db/connection.ts';
import { createPool, type Pool } from '../../../src/db/pool.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool({ url: database.adminUrl, max: 2, connectTimeoutMs: 500 });
  await pool.query('CREATE TABLE note (id integer PRIMARY KEY, body text)');
});
afterAll(async () => {
  await pool.close();
  await database.drop();
});

describe('query', () => {
  test('gives rows with bigint as number and time as Date, and refuses a bigint it would round', async () => {
    const [row] = await pool.query<{ n: number; at: Date }>(`SELECT 5::bigint AS n, 'epoch'::timestamptz AS at`);
    expect(row).toEqual({ n: 5, at: new Date(0) });
    await expect(pool.query('SELECT 9007199254740993::bigint AS n')).rejects.toThrow(/9007199254740993/);
  });

  test('prepares a named statement once per connection', async () => {
    const session = await openSession({ url: database.adminUrl });
    for (const n of [1, 2, 3]) await session.query({ name: 'one', text: 'SELECT $1::integer AS n' }, [n]);
    const rows = await session.query('SELECT generic_plans + custom_plans AS uses FROM pg_prepared_statements');
    expect(rows).toEqual([{ uses: 3 }]);
    await session.close();
  });

  test('closes the connection when time is up, without sending a cancel, and goes on with another', async () => {
    const slow = pool.query(`SELECT pg_sleep(1.2), 'talosgate-slow'`, [], { timeoutMs: 100 });
    await expect(slow).rejects.toMatchObject({ failure: 'lost' });
    const others = `SELECT state FROM pg_stat_activity WHERE query LIKE '%talosgate-slow%' AND pid <> pg_backend_pid()`;
    // The server still works on it: nobody told it to stop.
    expect(await pool.query(others)).toEqual([{ state: 'active' }]);
  });

  test('gives a statement up when its signal fires', async () => {
    const stop = new AbortController();
    const slow = pool.query('SELECT pg_sleep(5)', [], { signal: stop.signal });
    setTimeout(() => stop.abort(), 50);
    await expect(slow).rejects.toMatchObject({ failure: 'lost' });
  });

  test('tells a refusal from a lost connection', async () => {
    await expect(pool.query('SELECT 1/0')).rejects.toMatchObject({ failure: 'refused', sqlState: '22012' });
    await expect(pool.query('SELECT pg_terminate_backend(pg_backend_pid())')).rejects.toMatchObject({
      failure: 'lost',
    });
    expect(await pool.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('says unreachable when no connection comes free in time, or too many wait', async () => {
    const small = createPool({ url: database.adminUrl, max: 1, maxWaiting: 1, connectTimeoutMs: 200 });
    const busy = small.query('SELECT pg_sleep(0.6)');
    const waiting = small.query('SELECT 1');
    await expect(small.query('SELECT 1')).rejects.toMatchObject({ failure: 'unreachable' });
    await expect(waiting).rejects.toMatchObject({ failure: 'unreachable' });
    await busy;
    await small.close();
    const nobody = createPool({ url: 'postgres://x:y@127.0.0.1:1/z' });
    await expect(nobody.query('SELECT 1')).rejects.toMatchObject({ failure: 'unreachable' });
    await nobody.close();
  });
});

describe('transaction', () => {
  test('commits what resolves and rolls back what rejects', async () => {
    await pool.transaction(tx => tx.query('INSERT INTO note VALUES ($1, $2)', [1, 'kept']));
    const failing = pool.transaction(async tx => {
      await tx.query('INSERT INTO note VALUES ($1, $2)', [2, 'dropped']);
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect(await pool.query('SELECT id FROM note')).toEqual([{ id: 1 }]);
  });

  test('rejects when a statement failed inside and nobody noticed', async () => {
    const swallowed = pool.transaction(async tx => {
      await tx.query('INSERT INTO note VALUES ($1, $2)', [3, 'lost']);
      await tx.query('SELECT 1/0').catch(() => undefined);
    });
    await expect(swallowed).rejects.toMatchObject({ failure: 'refused' });
    expect(await pool.query('SELECT id FROM note WHERE id = 3')).toEqual([]);
  });

  test('rolls back when its connection is cut', async () => {
    const cut = pool.transaction(async tx => {
      await tx.query('INSERT INTO note VALUES ($1, $2)', [4, 'cut']);
      await tx.query('SELECT pg_terminate_backend(pg_backend_pid())');
    });
    await expect(cut).rejects.toMatchObject({ failure: 'lost' });
    expect(await pool.query('SELECT id FROM note WHERE id = 4')).toEqual([]);
  });
});
