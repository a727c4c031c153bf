// Short form of test/soak/sessions.soak.ts: ten sessions, and a reaper that has less patience.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openAuditLog } from '../../src/audit/log.ts';
import { startReaper } from '../../src/audit/reaper.ts';
import { createPool } from '../../src/db/pool.ts';
import { stormSessions } from '../support/session-storm.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    wire: true,
    config: raw => {
      raw['log'] = { level: 'info' };
      raw['approvals'] = { max_open: 100 };
    },
  });
});
afterAll(() => stack.close());

test('whatever becomes of gateway or database, every byte that anybody saw is recorded', async () => {
  const pool = createPool({ url: stack.database.writerUrl, max: 2 });
  const audit = await openAuditLog({ connection: { url: stack.database.writerUrl }, replica: 'reaper' });
  const reaper = startReaper({ pool, audit, log: { warn: () => undefined }, silenceMs: 6_000, everyMs: 200 });
  const key = stack.config.sessions.key ?? '';
  const figures = await stormSessions({
    stack,
    key,
    kills: 1,
    outages: 2,
    sessions: 4,
    longestOutageMs: 1_000,
    patienceMs: 40_000,
  });
  await reaper.close();
  await audit.close();
  await pool.close();
  expect(figures).toMatchObject({ killed: 4, cutOff: 4, swallowed: 4, unrecorded: 0 });
  expect(figures.shownBytes).toBeGreaterThan(1_000);
  expect(figures.longestLostMs).toBeLessThan(60_000);
});
