// A grant is for one call, once. The same in full: test/soak/grant-bars.soak.ts.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createPool } from '../../src/db/pool.ts';
import { elapse } from '../integration/approvals/support.ts';
import { worker } from '../support/calls.ts';
import { DebugSession, pullImage } from '../support/debug-session.ts';
import { grantFor, mutations, race, runs, specOf, tryMutation } from '../support/grant-bars.ts';
import { type Replica, startReplica } from '../support/replica.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

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

test('one of many calls over two gateways gets through', async () => {
  expect(await race(stack, other, image, 40)).toBe(1);
});

test('no call that differs in one thing uses the grant, and the one it was given for still does', async () => {
  await grantFor(stack, image);
  const all = mutations(image);
  expect(all.length).toBeGreaterThanOrEqual(200);
  const some = all.filter((_, at) => at % 8 === 0 || at >= all.length - 9);
  for (const mutation of some) {
    expect([mutation.what, await tryMutation(stack, mutation)]).not.toEqual([mutation.what, '']);
    expect([mutation.what, runs(stack)]).toEqual([mutation.what, 0]);
  }
  const session = new DebugSession(stack.as('bob'), specOf(image));
  await until(() => runs(stack) === 1);
  session.leave();
  await until(() => stack.nodes.worker.control.openStreams() === 0);
});

test('a grant that lapsed a second ago, or whose approver may not decide any more, is none', async () => {
  const admin = createPool({ url: stack.database.adminUrl, max: 1 });
  try {
    const lapsed = await grantFor(stack, image);
    await elapse(admin, lapsed, '1801 seconds');
    const late = new DebugSession(stack.as('bob'), specOf(image), worker);
    await late.ends();
    await grantFor(stack, image);
    await stack.addPolicy('p, user:carol@example.com, *, *, approvals.decide, *, deny');
    const demoted = new DebugSession(stack.as('bob'), specOf(image), worker);
    expect(await demoted.ends()).toBe(7);
    expect(demoted.text).toContain('carol@example.com may not decide any more');
    expect(runs(stack)).toBe(0);
  } finally {
    await stack.resetPolicy();
    await admin.close();
  }
});
