// "A call that was not recorded was not forwarded", with Postgres slow and with Postgres gone.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openSession, type Session } from '../../src/db/connection.ts';
import { swallowDatabase } from '../support/black-hole.ts';
import { cp, followLogs, reboot, version, worker, worker2 } from '../support/calls.ts';
import { ask } from '../support/https.ts';
import { expectStatus } from '../support/refusal.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ wire: true });
});
afterAll(() => stack.close());
afterEach(() => {
  stack.clearCalls();
});

/** Keeps the log from committing anything until released, as a slow disk would. */
async function holdLog(): Promise<() => Promise<void>> {
  const session: Session = await openSession({ url: stack.database.adminUrl });
  await session.query('BEGIN');
  await session.query('SELECT 1 FROM talosgate.audit_head FOR UPDATE');
  return async () => {
    await session.query('ROLLBACK');
    await session.close();
  };
}

describe('a call while the log is slow', () => {
  test('reaches the node only when its intent is durable', async () => {
    const watch = await stack.watch();
    const release = await holdLog();
    const calling = version(stack.as('alice'));
    await sleep(500);
    expect(stack.seen()).toEqual([]);
    await release();
    expect((await calling).code).toBe(0);
    expect(stack.seen()).toEqual([{ node: worker, path: '/machine.MachineService/Version' }]);
    await watch.kinds('call.intent', 'call.outcome');
  });

  test('to several nodes reaches none before all intents are durable', async () => {
    const release = await holdLog();
    const calling = version(stack.as('alice'), { nodes: [cp, worker, worker2] });
    await sleep(500);
    expect(stack.seen()).toEqual([]);
    await release();
    expect((await calling).code).toBe(0);
    expect(stack.seen()).toHaveLength(3);
  });

  test('is refused only when the refusal is durable', async () => {
    const watch = await stack.watch();
    const release = await holdLog();
    let answered = false;
    const calling = reboot(stack.as('alice')).finally(() => {
      answered = true;
    });
    await sleep(500);
    expect(answered).toBe(false);
    await release();
    expect((await calling).code).toBe(7);
    await watch.kinds('call.deny');
  });

  test('that changes something gets its status when the outcome is durable', async () => {
    stack.nodes.worker.control.delayNext('/machine.MachineService/Reboot', 400);
    stack.nodes.worker.control.failNext('/machine.MachineService/Reboot', { code: 'ABORTED', message: 'not now' });
    let answered = false;
    const calling = reboot(stack.as('bob')).finally(() => {
      answered = true;
    });
    await until(() => stack.seen().length === 1);
    const release = await holdLog();
    await until(() => stack.nodes.worker.control.openStreams() === 0);
    await sleep(300);
    expect(answered).toBe(false);
    await release();
    expect(await calling).toMatchObject({ code: 10, message: 'not now' });
  });

  test('is told the true status after two seconds when the outcome still is not', async () => {
    stack.nodes.worker.control.delayNext('/machine.MachineService/Reboot', 400);
    stack.nodes.worker.control.failNext('/machine.MachineService/Reboot', { code: 'ABORTED', message: 'not now' });
    const watch = await stack.watch();
    const calling = reboot(stack.as('bob'));
    await until(() => stack.seen().length === 1);
    stack.wire.cut();
    const answer = await calling;
    expect(answer).toMatchObject({ code: 10, message: 'not now' });
    expect(answer.milliseconds).toBeGreaterThan(1900);
    expect(stack.log.join('\n')).toContain('before its outcome was durable');
    const metrics = await ask(stack.api('carol'), '/metrics');
    expect(metrics.text).toMatch(/^talosgate_audit_outcomes_pending_total 1$/m);
    stack.wire.mend();
    await watch.kinds('call.intent', 'call.outcome');
  });
});

describe('without Postgres', () => {
  test('every call is refused within 3.5 s, then at once, and works again when it is back', async () => {
    const { wire } = stack;
    await version(stack.as('alice'));
    stack.clearCalls();
    wire.cut();
    const slow = await Promise.all([
      version(stack.as('alice')),
      version(stack.as('alice'), { nodes: [cp, worker] }),
      reboot(stack.as('bob')),
      followLogs(stack.as('alice')),
    ]);
    for (const answer of slow) {
      expectStatus(answer, 'UNAVAILABLE', /audit log cannot be written, .*not forwarded/);
      expect(answer.milliseconds).toBeLessThan(3_500);
    }
    await until(async () => (await version(stack.as('alice'))).milliseconds < 300);
    const fast = await version(stack.as('alice'));
    expect(fast.code).toBe(14);
    expect(fast.milliseconds).toBeLessThan(300);
    expect(stack.seen()).toEqual([]);
    wire.mend();
    await until(async () => (await version(stack.as('alice'))).code === 0);
  });

  test('a refusal that cannot be recorded is not told as one', async () => {
    stack.wire.cut();
    for (const answer of [
      await reboot(stack.as('alice')),
      await version(stack.as('alice'), { node: 'nowhere' }),
      await version(stack.as('nobody')),
    ]) {
      expectStatus(answer, 'UNAVAILABLE', /audit log cannot be written/);
    }
    stack.wire.mend();
    await until(async () => (await version(stack.as('alice'))).code === 0);
  });

  test('an intent that lands after its caller was refused has the end not-forwarded', async () => {
    const watch = await stack.watch();
    const release = await holdLog();
    stack.clearCalls();
    const calling = version(stack.as('alice'));
    // The batch is on its way when the connection breaks: what became of it nobody can say before Postgres is back.
    await sleep(300);
    stack.wire.cut();
    await release();
    const refused = await calling;
    expectStatus(refused, 'UNAVAILABLE', /audit log cannot be written/);
    expect(refused.milliseconds).toBeLessThan(3_500);
    stack.wire.mend();
    const [intent, outcome] = await watch.kinds('call.intent', 'call.outcome');
    expect(outcome).toMatchObject({ callId: intent?.callId, endCause: 'not-forwarded', node: worker });
    expect(stack.seen()).toEqual([]);
  });

  test('a running read goes on and its outcome is written when Postgres is back', async () => {
    const watch = await stack.watch();
    let lines = 0;
    const follow = followLogs(stack.as('alice'), { node: worker }, replies => {
      lines = replies.length;
      return lines > 30;
    });
    await until(() => lines > 2);
    stack.wire.cut();
    expect((await follow).code).toBe(0);
    stack.wire.mend();
    const [, outcome] = await watch.kinds('call.intent', 'call.outcome');
    expect(outcome).toMatchObject({ kind: 'call.outcome', endCause: 'client', grpcCode: 1 });
  });
});

describe('with a Postgres that takes everything and answers nothing', () => {
  // Short form of test/soak/black-hole.soak.ts.
  test('nothing is forwarded, and errors come within their time and then at once', async () => {
    const figures = await swallowDatabase(stack, 6_000);
    expect(figures.forwarded).toBe(0);
    expect(Object.keys(figures.codes)).toEqual(['14']);
    expect(figures.slowestMs).toBeLessThan(5_000);
    expect(figures.slowestFastMs).toBeLessThan(3_000);
  });
});
