// Calls that last: what they leave in the log meanwhile, and what becomes of them when the log is away.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DemoClient } from '../../src/cli/demo/check-client.ts';
import type { AuditRecord } from '../../src/core/audit-record.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createRunningCalls } from '../../src/gateway/calls.ts';
import { startProgress } from '../../src/gateway/progress.ts';
import { createIdentity } from '../../src/identity/authenticate.ts';
import { openBareDoor } from '../support/bare-door.ts';
import { cp, followLogs, version, worker, worker2 } from '../support/calls.ts';
import { expectStatus } from '../support/refusal.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());

test('a stream leaves records of its progress, and ends once the log has been away for too long', async () => {
  const calls = createRunningCalls(systemClock, await createIdentity(stack.config.identity, systemClock));
  const door = await openBareDoor(stack, {
    calls,
    decide: () => ({ effect: 'allow', rule: { file: 'test.csv', line: 1, text: '' }, revision: 'test' }),
  });
  const told: AuditRecord[] = [];
  let awayMs = 0;
  const progress = startProgress({
    calls,
    clock: systemClock,
    audit: {
      enqueue: record => {
        told.push(record);
        return Promise.resolve();
      },
      health: () => ({ ok: awayMs === 0, queued: 0, lastError: undefined, awayMs }),
    },
    everyMs: 300,
    lookMs: 30,
  });
  const leaf = stack.secrets.pki.users.get('alice@example.com');
  const alice = new DemoClient(door.address, {
    ca: Buffer.from(stack.secrets.pki.clientCa.certificate),
    certificate: Buffer.from(leaf?.certificate ?? ''),
    key: Buffer.from(leaf?.key ?? ''),
  });
  const watch = await stack.watch();
  const following = [followLogs(alice, { node: worker }), followLogs(alice, { nodes: [cp, worker2] })];
  for (const node of [worker, cp, worker2]) {
    const own = (): AuditRecord[] => told.filter(record => record.node === node);
    await until(() => own().length > 2);
    const [first, , third] = own();
    expect(first).toMatchObject({
      kind: 'call.progress',
      principal: 'alice@example.com',
      risk: 'read',
      requestMessages: 1,
    });
    expect(third?.responseBytes).toBeGreaterThan(first?.responseBytes ?? Infinity);
    expect((third?.durationUs ?? 0) - (first?.durationUs ?? 0)).toBeGreaterThanOrEqual(600_000);
  }
  awayMs = 30_001;
  for (const answer of await Promise.all(following))
    expectStatus(answer, 'UNAVAILABLE', /audit log has been away for 30 s/);
  const records = await watch.kinds(
    ...(['call.intent', 'call.intent', 'call.intent', 'call.outcome', 'call.outcome', 'call.outcome'] as const),
  );
  const causes = records.filter(({ kind }) => kind === 'call.outcome').map(({ endCause }) => endCause);
  expect(causes).toEqual(['audit', 'audit', 'audit']);
  progress.close();
  alice.close();
  await door.close();
});

test('a login is on record once for a credential and an address', async () => {
  const watch = await stack.watch();
  const logins = async (): Promise<readonly AuditRecord[]> =>
    (await watch.records()).filter(({ kind, principal }) => kind === 'auth.login' && principal === 'carol@example.com');
  for (const caller of ['carol', 'carol', 'carol-jwt', 'carol', 'carol-jwt'] as const) await version(stack.as(caller));
  // Whatever was enqueued before this read's own records is in the log with them.
  await version(stack.as('bob'));
  await until(async () => (await logins()).length >= 2);
  expect((await logins()).map(({ proofs }) => proofs?.map(proof => proof.kind))).toEqual([['mtls'], ['jwt']]);
});
