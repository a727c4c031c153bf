// Postgres that swallows everything for a minute.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { swallowDatabase } from '../support/black-hole.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ wire: true });
});
afterAll(() => stack.close());

test('nothing is forwarded, errors come within 3.5 s and then at once, and memory stays flat', async () => {
  const figures = await swallowDatabase(stack, 60_000);
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  expect(figures.forwarded).toBe(0);
  expect(Object.keys(figures.codes)).toEqual(['14']);
  expect(figures.asked).toBeGreaterThan(1_000);
  expect(figures.slowestMs).toBeLessThan(3_500);
  expect(figures.slowestFastMs).toBeLessThan(1_000);
  expect(figures.heapMiB[1] - figures.heapMiB[0]).toBeLessThan(16);
});
