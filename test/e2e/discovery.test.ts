// Nodes that only their cluster tells of: found, recorded, reached, decided about like any other.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AuditWatch, openAuditWatch } from '../support/audit-watch.ts';
import { cp, reboot, version, worker, worker2 } from '../support/calls.ts';
import { expectStatus } from '../support/refusal.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
let watch: AuditWatch;
beforeAll(async () => {
  stack = await startStack({
    config: raw => {
      const [demo] = raw['clusters'] as { upstream: string; discovery: object; nodes: { name: string }[] }[];
      if (demo === undefined) throw new Error('no cluster');
      demo.nodes = demo.nodes.filter(node => node.name === cp);
      // The simulated nodes do not listen where the cluster says; the control-plane node knows the way.
      demo.upstream = 'control-plane';
      demo.discovery = { interval: '1s', labels: { zone: 'found' } };
    },
    policy: ['p, user:bob@example.com, *, "zone=found", node.reboot, **, deny'],
  });
  watch = await stack.watch();
});
afterAll(() => stack.close());

test('members are known from the start, by name and by address', async () => {
  for (const node of [worker, '10.5.0.3', worker2]) {
    const answer = await version(stack.as('alice'), { node });
    expect([node, answer.code]).toEqual([node, 0]);
  }
  expect(stack.nodes.worker.control.calls()).toHaveLength(2);
});

test('their labels count in rules', async () => {
  expectStatus(await reboot(stack.as('bob'), { node: worker }), 'PERMISSION_DENIED', /denied by the rule/);
});

test('who is no member stays unknown', async () => {
  expectStatus(await version(stack.as('alice'), { node: '10.5.0.99' }), 'INVALID_ARGUMENT', /has no node/);
});

test('the change was recorded, with who told of it, before anybody could use it', async () => {
  const own = await openAuditWatch(stack.database.readerUrl, '-1');
  const records = await own.records();
  await own.close();
  const changed = records.findIndex(({ kind }) => kind === 'fleet.changed');
  expect(records[changed]).toMatchObject({
    cluster: 'demo',
    node: cp,
    details: { added: [worker, worker2], added_count: '2' },
  });
  expect(records.findIndex(({ kind, node }) => kind === 'call.intent' && node === worker)).toBeGreaterThan(changed);
  expect(records.filter(({ kind }) => kind === 'fleet.changed')).toHaveLength(1);
});

test('the gateway asks as a reader, and a control-plane node that is away changes nothing', async () => {
  const asked = stack.nodes.cp.control.calls().filter(({ path }) => path === '/cosi.resource.State/List');
  expect(asked.length).toBeGreaterThan(0);
  for (const call of asked) expect(call.roles).toEqual(['os:reader']);
  await stack.nodes.cp.control.kill();
  await until(() => stack.log.some(line => line.includes('the last list stays in force')), undefined, 10_000);
  await stack.nodes.cp.control.start();
  await until(async () => (await version(stack.as('alice'), { node: worker2 })).code === 0, undefined, 10_000);
  expect((await watch.records()).some(({ kind }) => kind === 'fleet.changed')).toBe(false);
});
