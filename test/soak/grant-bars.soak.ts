// One approval, a thousand calls over two gateways; and every call that differs from the granted one in one thing.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { pullImage } from '../support/debug-session.ts';
import { grantFor, mutations, race, runs, tryMutation } from '../support/grant-bars.ts';
import { type Replica, startReplica } from '../support/replica.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let other: Replica;
let image: string;
beforeAll(async () => {
  stack = await startStack();
  other = await startReplica(stack);
  image = await pullImage(stack.as('bob'));
});
afterAll(async () => {
  await other.close();
  await stack.close();
});
beforeEach(() => stack.clearCalls());

test('a thousand calls over two gateways: one gets through', async () => {
  expect(await race(stack, other, image, 1_000)).toBe(1);
}, 300_000);

test('every one of the changed calls is refused', async () => {
  await grantFor(stack, image);
  const all = mutations(image);
  for (const mutation of all) {
    await tryMutation(stack, mutation);
    expect([mutation.what, runs(stack)]).toEqual([mutation.what, 0]);
  }
  console.log(`${all.length} changed calls, none accepted`);
}, 600_000);
