// What recording costs: echo, 100 MB of output in one session and in several at once, fifty sessions at once, memory.
// Figures of the machine it runs on; `growthMiB` holds the garbage of the whole process, however many sessions there are.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { measureSessions } from '../support/session-speed.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    config: raw => {
      raw['log'] = { level: 'info' };
      raw['approvals'] = { max_open: 100 };
    },
  });
});
afterAll(() => stack.close());

test('an echo takes less than 150 ms, 100 MB arrive whole within 32 MiB, fifty sessions run at once', async () => {
  const figures = await measureSessions(stack, { keys: 200, megabytes: 100, printers: 4, sessions: 50 });
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  expect(figures.echoP95Ms).toBeLessThan(150);
  expect(figures.lost).toBe(0);
  expect(figures.growthEachMiB).toBeLessThan(32);
  expect(figures.atOnce).toBe(50);
}, 1_200_000);
