// A cluster whose workers are not routable: everything goes through its control plane (talos.md 2.2).
import { EmptySchema } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { EtcdStatusResponseSchema } from '../../src/gen/machine/machine_pb.js';
import { cp, followLogs, paths, reboot, version, worker, worker2 } from '../support/calls.ts';
import { expectStatus } from '../support/refusal.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    node: { timing: { shutdown: 20, away: 200, boot: 20, step: 5 } },
    config: raw => {
      const [demo] = raw['clusters'] as { upstream: string; nodes: { name: string; dial: string }[] }[];
      if (demo === undefined) throw new Error('no cluster');
      demo.upstream = 'control-plane';
      // Nobody listens there: whoever dials a worker has lost.
      for (const node of demo.nodes) if (node.name !== cp) node.dial = '127.0.0.1:1';
    },
  });
});
afterAll(() => stack.close());
beforeEach(() => {
  stack.clearCalls();
});

test('one node or several answer, each call passed on with one node and roles of its own', async () => {
  expect((await version(stack.as('alice'), { node: worker })).code).toBe(0);
  const answer = await version(stack.as('alice'), { nodes: [cp, worker, worker2] });
  const names = answer.replies[0]?.messages.map(({ metadata, version: told }) => [metadata?.hostname, told?.tag]);
  expect(names?.toSorted()).toEqual([
    [cp, expect.stringMatching(/^v1/)],
    [worker, expect.stringMatching(/^v1/)],
    [worker2, expect.stringMatching(/^v1/)],
  ]);
  expect(stack.seen().filter(call => call.node === worker)).toHaveLength(2);
  const { control } = stack.nodes.worker;
  for (const call of control.calls()) {
    expect(call.peer.commonName).toBe('apid');
    expect(call.metadata.get('talos-role')).toEqual(['os:reader']);
  }
  // What the control-plane node was asked to pass on named the worker by its address.
  const passed = stack.nodes.cp.control.calls().flatMap(call => call.metadata.get('node') ?? []);
  expect(passed).not.toContain(worker);
  expect(passed.filter(name => name === '10.5.0.3')).toHaveLength(2);
});

test('streams, cancels and refusals are the same as without the detour', async () => {
  const answer = await followLogs(stack.as('alice'), { node: worker }, replies => replies.length > 1);
  expect(answer.code).toBe(0);
  await until(() => stack.nodes.worker.control.openStreams() === 0 && stack.nodes.cp.control.openStreams() === 0);
  stack.clearCalls();
  expectStatus(await reboot(stack.as('alice'), { node: worker }), 'PERMISSION_DENIED', /node\.reboot/);
  expect(stack.seen()).toEqual([]);
});

test('a worker that reboots is UNAVAILABLE meanwhile, and nobody else is', async () => {
  const { control } = stack.nodes.worker2;
  await control.kill();
  try {
    const answer = await version(stack.as('alice'), { node: worker2 });
    expect(answer.code).toBe(14);
    expect((await version(stack.as('alice'), { node: worker })).code).toBe(0);
  } finally {
    await control.start();
  }
  expect((await version(stack.as('alice'), { node: worker2 })).code).toBe(0);
});

test('the version of each node is learned through the control plane too', async () => {
  const path = '/machine.MachineService/EtcdStatus';
  await stack.as('bob').unary(path, { node: worker }, EmptySchema, {}, EtcdStatusResponseSchema);
  expect(stack.nodes.worker.control.calls().map(call => call.path)).toEqual([paths.version, path]);
});
