// Short form of test/soak/gateway-kills.soak.ts: two processes, and a reaper that has less patience.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openAuditLog } from '../../src/audit/log.ts';
import { startReaper } from '../../src/audit/reaper.ts';
import { createPool } from '../../src/db/pool.ts';
import { killGateways } from '../support/gateway-kills.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    config: raw => {
      raw['log'] = { level: 'info' };
    },
  });
});
afterAll(() => stack.close());

test('a gateway that is killed leaves no call that is not on record, and none without exactly one end', async () => {
  const pool = createPool({ url: stack.database.writerUrl, max: 2 });
  const audit = await openAuditLog({ connection: { url: stack.database.writerUrl }, replica: 'reaper' });
  const reaper = startReaper({ pool, audit, log: { warn: () => undefined }, silenceMs: 6_000, everyMs: 200 });
  const figures = await killGateways(stack, 2, 2, 30_000);
  await reaper.close();
  await audit.close();
  await pool.close();
  expect(figures).toMatchObject({ kills: 2, unrecorded: 0, unended: 0, endedTwice: 0, gaps: 0 });
  expect(figures.seen).toBeGreaterThan(2);
  expect(figures.intents).toBe(figures.outcomes + figures.unknown);
});
