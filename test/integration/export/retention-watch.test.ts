// What the gateway tells of the age of the log and of the room ahead.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { openSession, type Session } from '../../../src/db/connection.ts';
import { createRetentionDesk } from '../../../src/export/retention.ts';
import { startRetentionWatch } from '../../../src/export/retention-watch.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually, openTestLog } from '../audit/support.ts';
import { writeCalls } from '../seal/support.ts';

const dayMs = 86_400_000;
let database: TestDatabase;
let writer: Session;
let admin: Session;
beforeAll(async () => {
  database = await createTestDatabase();
  const log = await openTestLog(database.writerUrl);
  await writeCalls(log, 10);
  await log.close();
  writer = await openSession({ url: database.writerUrl });
  admin = await openSession({ url: database.adminUrl });
});
afterAll(async () => {
  await writer.close();
  await admin.close();
  await database.drop();
});

test('records count as old from the day on that they should be gone', async () => {
  const desk = createRetentionDesk(writer, 400 * dayMs);
  const at = (days: number) =>
    startRetentionWatch({
      desk,
      clock: { ...systemClock, now: () => Date.now() + days * dayMs },
      report: () => undefined,
    });
  const young = await at(399);
  expect([young.status()?.over, young.message()]).toEqual([0, 'no record is older than 400 d']);
  const old = await at(401);
  const [log] = await admin.query<{ size: number }>('SELECT size FROM talosgate.audit_head');
  expect(old.status()).toMatchObject({ first: 0, size: log?.size, over: log?.size, ahead: 4 });
  expect(old.message()).toBe(`${log?.size} records are older than 400 d`);
  await young.close();
  await old.close();
  // The line between old and young is found where it is.
  const [lines] = await admin.query<{ wrong: number; seen: number }>(
    `SELECT count(*) FILTER (WHERE s.over <> (SELECT count(*) FROM talosgate.audit_entry AS b WHERE b.db_ts < a.db_ts))::integer
       AS wrong, count(DISTINCT s.over)::integer AS seen
     FROM talosgate.audit_entry AS a, LATERAL talosgate.audit_retention_status(a.db_ts) AS s`,
  );
  expect(lines?.wrong).toBe(0);
  expect(lines?.seen).toBeGreaterThan(1);
});

test('too little room ahead is told once, and again when there is some', async () => {
  const reports: string[] = [];
  const desk = createRetentionDesk(writer, 400 * dayMs);
  await admin.query('CREATE TABLE kept AS SELECT * FROM talosgate.audit_partition');
  await admin.query('DELETE FROM talosgate.audit_partition WHERE lower > 1048576');
  const watch = await startRetentionWatch({
    desk,
    clock: systemClock,
    report: text => reports.push(text),
    everyMs: 10,
  });
  await eventually(() => reports.length > 0);
  expect(watch.status()?.ahead).toBe(1);
  expect(watch.message()).toBe('no record is older than 400 d; only 1 partitions lie ahead');
  await admin.query('INSERT INTO talosgate.audit_partition SELECT * FROM kept ON CONFLICT DO NOTHING');
  await eventually(() => reports.length > 1);
  expect(reports).toEqual([
    expect.stringMatching(/^only 1 partitions of the audit log lie ahead and no more are made/),
    '4 partitions of the audit log lie ahead again',
  ]);
  await watch.close();
});
