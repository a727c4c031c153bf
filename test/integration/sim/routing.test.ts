import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { State } from '../../../src/gen/cosi/resource/state_pb.js';
import { MachineService } from '../../../src/gen/machine/machine_pb.js';
import { openSimWorld, type SimClient, type SimWorld } from './support/sim-client.ts';

let world: SimWorld;
let direct: SimClient;
let worker: SimClient;
beforeAll(async () => {
  world = await openSimWorld();
  direct = await world.client('cp');
  worker = await world.client('w1');
});
afterAll(() => world.close());
beforeEach(() => {
  for (const node of world.cluster.nodes) node.control.clearCalls();
});

const { hostname, logs, read } = MachineService.method;

test('without routing keys a node answers for itself, with no metadata in the reply', async () => {
  const { replies } = await direct.call(hostname, {});
  expect(replies[0]?.messages.map(message => [message.hostname, message.metadata])).toEqual([['cp', undefined]]);
});

test('node leads to another node by name and by address, the reply untouched', async () => {
  for (const target of ['w2', '10.5.0.4']) {
    const { replies } = await direct.call(hostname, {}, [['node', target]]);
    expect(replies[0]?.messages.map(message => [message.hostname, message.metadata])).toEqual([['w2', undefined]]);
  }
});

test('the second node sees proxyfrom and the roles, not the routing keys', async () => {
  await direct.call(hostname, {}, [
    ['node', 'w2'],
    ['x-thing', 'a'],
  ]);
  const [call] = world.node('w2').control.calls();
  expect(call?.metadata.get('talos-role')).toEqual(['os:admin']);
  expect(call?.metadata.has('proxyfrom')).toBe(true);
  expect(call?.metadata.has('node')).toBe(false);
  expect(call?.metadata.get('x-thing')).toEqual(['a']);
});

test('nodes joins the replies, marked with what the caller called the nodes', async () => {
  const headers = ['w1', '10.5.0.2', 'gone'].map(name => ['nodes', name] as const);
  const { replies, code } = await direct.call(hostname, {}, headers);
  expect(code).toBe(0);
  const byName = new Map(replies[0]?.messages.map(message => [message.metadata?.hostname, message]));
  expect([...byName.keys()].sort()).toEqual(['10.5.0.2', 'gone', 'w1']);
  expect(byName.get('10.5.0.2')?.hostname).toBe('cp');
  expect(byName.get('gone')?.metadata?.status?.code).toBe(14);
  expect(byName.get('gone')?.metadata?.error).toMatch(/^rpc error: code = Unavailable desc = /);
});

test('nodes marks each message of a stream and reports failures inside it', async () => {
  const headers = ['w1', 'w2'].map(name => ['nodes', name] as const);
  const request = { namespace: 'system', id: 'machined', tailLines: 1 };
  const { replies, code } = await direct.call(logs, request, headers);
  expect(code).toBe(0);
  expect(new Set(replies.map(reply => reply.metadata?.hostname))).toEqual(new Set(['w1', 'w2']));
  const failed = await direct.call(logs, { ...request, id: 'nope' }, headers);
  expect(failed.code).toBe(0);
  expect(failed.replies.map(reply => reply.metadata?.error)).toEqual([
    'rpc error: code = Unknown desc = log "nope" was not registered',
    'rpc error: code = Unknown desc = log "nope" was not registered',
  ]);
});

test('a role that one node refuses shows as an element, not as the end of the call', async () => {
  const reader = await world.client('cp', { organizations: ['os:reader'] });
  const { replies, code } = await reader.call(read, { path: '/etc/hosts' }, [['nodes', 'w1']]);
  expect(code).toBe(0);
  expect(replies[0]?.metadata?.status?.code).toBe(7);
});

test('nodes wins over node', async () => {
  const { replies } = await direct.call(hostname, {}, [
    ['node', 'w1'],
    ['nodes', 'w2'],
  ]);
  expect(replies[0]?.messages[0]?.metadata?.hostname).toBe('w2');
});

test.each([
  [
    [
      ['node', 'a'],
      ['node', 'b'],
    ],
    3,
    'node metadata must be single-valued',
  ],
  [[['node', 'w1:50000']], 13, 'invalid target "w1:50000"'],
  [[['nodes', '']], 13, 'invalid target ""'],
] as const)('routing keys %j end with code %d', async (headers, code, message) => {
  const outcome = await direct.call(hostname, {}, headers);
  expect([outcome.code, outcome.message]).toEqual([code, message]);
});

test('nodes is not for services without aggregation', async () => {
  const outcome = await direct.call(State.method.list, { namespace: 'cluster' }, [['nodes', 'cp']]);
  expect([outcome.code, outcome.message]).toEqual([
    3,
    'one-2-many proxying is not supported for method /cosi.resource.State/List',
  ]);
});

test('a worker answers for itself and forwards nothing', async () => {
  expect((await worker.call(hostname, {}, [['node', 'w1']])).replies[0]?.messages[0]?.hostname).toBe('w1');
  const own = await worker.call(hostname, {}, [['nodes', '10.5.0.3']]);
  expect(own.replies[0]?.messages[0]?.metadata).toBeUndefined();
  for (const headers of [
    [['node', 'w2']],
    [['nodes', 'w2']],
    [
      ['nodes', 'w1'],
      ['nodes', 'w2'],
    ],
  ] as const) {
    const refused = await worker.call(hostname, {}, headers);
    expect([refused.code, refused.message]).toEqual([7, 'no request forwarding']);
  }
});

test('proxyfrom keeps a call where it is', async () => {
  const outcome = await direct.call(hostname, {}, [
    ['proxyfrom', 'somewhere'],
    ['node', 'w2'],
  ]);
  expect(outcome.replies[0]?.messages[0]?.hostname).toBe('cp');
});
