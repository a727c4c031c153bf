import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EmbeddedPostgres, startEmbedded } from '../../../src/db/embedded.ts';
import { ensureLogins } from '../../../src/db/logins.ts';
import { migrate } from '../../../src/db/migrate.ts';
import { eventually, intent, openTestLog, outcome, soundness, sql } from './support.ts';

// A server of its own, because it is stopped and killed.
let folder: string;
let postgres: EmbeddedPostgres;
let writerUrl: string;
beforeAll(async () => {
  folder = await mkdtemp('/var/tmp/talosgate-test-');
  await chmod(folder, 0o711);
  postgres = await startEmbedded({ dataDir: `${folder}/data` });
  await migrate(postgres.adminUrl);
  const login = { user: 'gate', password: 'gate' };
  await ensureLogins(postgres.adminUrl, { writer: login, reader: { user: 'look', password: 'look' } });
  const url = new URL(postgres.adminUrl);
  url.username = login.user;
  url.password = login.password;
  writerUrl = url.href;
});
afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

test('append keeps what it acknowledged when Postgres is stopped or killed under load, and comes back by itself', async () => {
  const log = await openTestLog(writerUrl, { drainMs: 10_000 });
  const acknowledged: string[] = [];
  let running = true;
  const caller = async (): Promise<void> => {
    while (running) {
      const callId = randomUUID();
      try {
        await log.append([intent(callId)]);
        acknowledged.push(callId);
        void log.enqueue(outcome(callId));
      } catch {
        await sleep(20);
      }
    }
  };
  const callers = Array.from({ length: 16 }, caller);
  for (const how of ['SIGQUIT', 'SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    await sleep(400);
    const before = acknowledged.length;
    // SIGKILL hits the postmaster only; its children see that and leave.
    process.kill(postgres.pid, how);
    await eventually(() => !log.health().ok);
    postgres = await startEmbedded({ dataDir: `${folder}/data`, port: postgres.port });
    await eventually(() => log.health().ok && acknowledged.length > before + 20, 5_000);
  }
  running = false;
  await Promise.all(callers);
  await log.close();
  const state = await soundness(postgres.adminUrl);
  expect(state).toMatchObject({ gaps: 0, counterGaps: 0, badLeaves: 0, open: 0 });
  expect(state.records).toBe(state.size);
  const [row] = await sql<{ missing: number; doubled: number }>(
    postgres.adminUrl,
    `SELECT count(*) FILTER (WHERE n = 0) AS missing, count(*) FILTER (WHERE n > 1) AS doubled
     FROM unnest($1::text[]) AS call (id),
       LATERAL (SELECT count(*) AS n FROM talosgate.audit_entry WHERE call_id = call.id AND kind = 'call.intent') AS found`,
    [acknowledged],
  );
  expect(row).toEqual({ missing: 0, doubled: 0 });
  expect(acknowledged.length).toBeGreaterThan(100);
}, 90_000);
