// A gateway that is told to stop while calls run.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { followLogs, paths, version, worker, worker2 } from '../support/calls.ts';
import { DebugSession, debugSpec, pullImage } from '../support/debug-session.ts';
import { ask } from '../support/https.ts';
import { expectStatus } from '../support/refusal.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    config: raw => {
      raw['limits'] = { shutdown_grace: '2s' };
    },
  });
});
afterAll(() => stack.close());

test('what ends by itself ends well, the rest is told to come again, and everything is on record', async () => {
  const watch = await stack.watch();
  const image = await pullImage(stack.as('bob'));
  const held = new DebugSession(stack.as('bob'), debugSpec(image));
  const id = await held.raise();
  let lines = 0;
  const following = followLogs(stack.as('alice'), { node: worker2 }, replies => {
    lines = replies.length;
    return false;
  });
  stack.nodes.worker.control.delayNext(paths.version, 600);
  const slow = version(stack.as('alice'), { node: worker });
  await until(() => lines > 0 && stack.seen().some(call => call.path === paths.version));

  const tail = ask(stack.api('carol'), '/api/v1/audit/tail');
  const stopping = performance.now();
  const closed = stack.app.close();
  await sleep(100);
  // Load balancers learn of it while the last calls run.
  const ready = await ask(stack.api('carol'), '/readyz');
  expect(ready).toMatchObject({ status: 503, body: { ready: false } });
  expect(ready.text).toContain('shutting down');
  // Who is on the line already gets an answer, whoever comes now does not.
  const late = await version(stack.client({ ca: Buffer.from(stack.secrets.pki.clientCa.certificate) }));
  expect(late.code).toBe(14);
  expect((await slow).code).toBe(0);
  expectStatus(await following, 'UNAVAILABLE', /being restarted/);
  expect(await held.exits()).toBe(1);
  await held.ends();
  expectStatus({ code: held.status, message: held.message }, 'UNAVAILABLE', /request dbg-[2-9a-z]+ stays open/);
  await closed;
  expect((await tail).status).toBe(200);
  expect(performance.now() - stopping).toBeLessThan(4_000);

  expect(stack.nodes.worker2.control.openStreams()).toBe(0);
  const records = await watch.records();
  expect(records.at(-1)?.kind).toBe('boot.close');
  const intents = records.filter(({ kind }) => kind === 'call.intent');
  const outcomes = records.filter(({ kind }) => kind === 'call.outcome');
  expect(outcomes.map(({ callId }) => callId).toSorted()).toEqual(intents.map(({ callId }) => callId).toSorted());
  expect(outcomes.find(({ method }) => method === paths.logs)).toMatchObject({ endCause: 'gateway', grpcCode: 14 });
  // The request waits for the next start.
  const ended = records.filter(({ kind, approvalId }) => kind === 'approval.ended' && approvalId === id);
  expect(ended).toEqual([]);
});
