// 500 sessions whose gateway is killed, or whose database is cut off or swallowed, with the times that production has.
import { afterAll, beforeAll, expect, test } from 'vitest';
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

test('every byte that anybody saw is recorded, streams close within 10 s, lost is told within 60 s', async () => {
  const figures = await stormSessions({
    stack,
    key: stack.config.sessions.key ?? '',
    kills: Number(process.env['KILLS'] ?? 25),
    outages: Number(process.env['OUTAGES'] ?? 25),
    sessions: 10,
    longestOutageMs: 14_000,
    patienceMs: 90_000,
  });
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  expect(figures.unrecorded).toBe(0);
  expect(figures.shownBytes).toBeGreaterThan(10_000);
  expect(figures.longestOpenMs).toBeLessThan(10_000);
  expect(figures.longestLostMs).toBeLessThan(60_000);
});
