// 100 times kill -9 of the gateway at random under load, with the times that production has.
import { afterAll, beforeAll, expect, test } from 'vitest';
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

test('no call reaches a node without an earlier intent, and every intent ends in exactly one way within 60 s', async () => {
  const figures = await killGateways(stack, 100, 2, 60_000);
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  expect(figures).toMatchObject({ kills: 100, unrecorded: 0, unended: 0, endedTwice: 0, gaps: 0 });
  expect(figures.seen).toBeGreaterThan(1_000);
  expect(figures.longestEndMs).toBeLessThan(60_000);
});
