// Nodes of several Talos versions behind one gateway: each is told the least role that its version knows (talos.md 5.1).
import { EmptySchema } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Answer } from '../../src/cli/demo/check-client.ts';
import {
  EtcdStatusResponseSchema,
  MetaWriteRequestSchema,
  type MetaWriteResponse,
  MetaWriteResponseSchema,
  UpgradeRequestSchema,
  UpgradeResponseSchema,
} from '../../src/gen/machine/machine_pb.js';
import type { SimNode } from '../../src/sim/sim.ts';
import type { AuditWatch } from '../support/audit-watch.ts';
import { cp, paths, version, worker, worker2 } from '../support/calls.ts';
import { expectStatus } from '../support/refusal.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const etcdStatus = '/machine.MachineService/EtcdStatus';
const metaWrite = '/machine.MachineService/MetaWrite';
const upgrade = '/machine.MachineService/Upgrade';

let stack: Stack;
let watch: AuditWatch;
beforeAll(async () => {
  stack = await startStack({
    node: { timing: { shutdown: 20, away: 100, boot: 20, step: 5 } },
    versions: { [cp]: 'v1.10.7', [worker]: 'v1.12.4', [worker2]: 'v1.14.0' },
    policy: ['p, user:carol@example.com, *, *, *, **, allow'],
  });
  watch = await stack.watch();
});
afterAll(() => stack.close());
beforeEach(async () => {
  await watch.moveOn();
  stack.clearCalls();
});

const writeMeta = (nodes: { node: string } | { nodes: string[] }): Promise<Answer<MetaWriteResponse>> => {
  const request = { key: 12, value: Buffer.from('label') };
  return stack.as('carol').unary(metaWrite, nodes, MetaWriteRequestSchema, request, MetaWriteResponseSchema);
};

/** Roles that came with the calls of a method, in order. */
const rolesAt = (node: SimNode, path: string): (readonly string[])[] =>
  node.control
    .calls()
    .filter(call => call.path === path)
    .map(call => call.roles);

test('a node is told the role that its version knows, each its own in one call', async () => {
  const { nodes } = stack;
  const status = await stack.as('carol').unary(etcdStatus, { node: cp }, EmptySchema, {}, EtcdStatusResponseSchema);
  expect(status.code).toBe(0);
  expect(rolesAt(nodes.cp, etcdStatus)).toEqual([['os:operator']]);

  expect((await writeMeta({ nodes: [worker, worker2] })).code).toBe(0);
  expect(rolesAt(nodes.worker, metaWrite)).toEqual([['os:admin']]);
  expect(rolesAt(nodes.worker2, metaWrite)).toEqual([['os:meta:writer']]);

  const intents = (await watch.records()).filter(({ kind }) => kind === 'call.intent');
  expect(intents.map(({ node, talosRole }) => [node, talosRole]).toSorted()).toEqual([
    [cp, 'os:operator'],
    [worker, 'os:admin'],
    [worker2, 'os:meta:writer'],
  ]);
});

test('the gateway asks once a connection, as a reader, and only for methods whose role has changed', async () => {
  await stack.nodes.worker.control.restart();
  await until(async () => (await version(stack.as('carol'), { node: worker })).code === 0, undefined, 5_000);
  stack.clearCalls();
  await version(stack.as('carol'), { node: worker });
  expect(rolesAt(stack.nodes.worker, paths.version)).toHaveLength(1);
  stack.clearCalls();
  await Promise.all([writeMeta({ node: worker }), writeMeta({ node: worker })]);
  await writeMeta({ node: worker });
  expect(rolesAt(stack.nodes.worker, metaWrite)).toHaveLength(3);
  expect(rolesAt(stack.nodes.worker, paths.version)).toEqual([['os:reader']]);
});

test('a node that comes back with another version is asked again', async () => {
  await writeMeta({ node: worker });
  const { worker: node } = stack.nodes;
  const image = { image: 'ghcr.io/siderolabs/installer:v1.13.9' };
  const boot = node.control.bootId();
  const asked = await stack
    .as('carol')
    .unary(upgrade, { node: worker }, UpgradeRequestSchema, image, UpgradeResponseSchema);
  expect(asked.code).toBe(0);
  await until(() => node.control.bootId() !== boot && node.control.up(), undefined, 5_000);
  await until(async () => (await version(stack.as('carol'), { node: worker })).code === 0, undefined, 5_000);
  stack.clearCalls();
  expect((await writeMeta({ node: worker })).code).toBe(0);
  expect(rolesAt(node, metaWrite)).toEqual([['os:meta:writer']]);
});

test('a node whose version cannot be learned is told the least role there is, and refuses if it is older', async () => {
  const { worker2: newer, cp: older } = stack.nodes;
  for (const node of [newer, older]) {
    await node.control.restart();
    node.control.failNext(paths.version, { code: 'UNKNOWN', message: 'not now' });
  }
  expect((await writeMeta({ node: worker2 })).code).toBe(0);
  expect(rolesAt(newer, metaWrite)).toEqual([['os:meta:writer']]);
  expectStatus(await writeMeta({ node: cp }), 'PERMISSION_DENIED', /not authorized/);
  expect(rolesAt(older, metaWrite)).toEqual([['os:meta:writer']]);
  // A failure is not remembered.
  expect((await writeMeta({ node: cp })).code).toBe(0);
  expect(rolesAt(older, metaWrite).at(-1)).toEqual(['os:admin']);
});
