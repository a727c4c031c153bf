import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { State } from '../../../src/gen/cosi/resource/state_pb.js';
import { MachineService } from '../../../src/gen/machine/machine_pb.js';
import { openSimWorld, SimClient, type SimWorld } from './support/sim-client.ts';

let world: SimWorld;
beforeAll(async () => {
  world = await openSimWorld();
});
afterAll(() => world.close());
beforeEach(() => {
  for (const node of world.cluster.nodes) node.control.clearCalls();
});

const { version, reboot, read } = MachineService.method;

test('a node serves a role that the method admits and refuses others as Talos does', async () => {
  const reader = await world.client('cp', { organizations: ['os:reader'] });
  expect((await reader.call(version, {})).code).toBe(0);
  const refused = await reader.call(read, { path: '/etc/hosts' });
  expect([refused.code, refused.message]).toEqual([7, 'not authorized']);
  const nobody = await world.client('cp', { organizations: ['team'] });
  expect((await nobody.call(version, {})).message).toBe('not authorized');
});

test('an impersonator has the roles of talos-role, one header field each', async () => {
  const gate = await world.client('cp', { organizations: ['os:impersonator'] });
  expect((await gate.call(version, {})).code).toBe(7);
  expect((await gate.call(version, {}, [['talos-role', 'os:reader']])).code).toBe(0);
  const two = [
    ['talos-role', 'os:etcd:backup'],
    ['talos-role', 'os:reader'],
  ] as const;
  expect((await gate.call(version, {}, two)).code).toBe(0);
  expect((await gate.call(version, {}, [['talos-role', 'os:reader, os:admin']])).code).toBe(7);
  expect((await gate.call(reboot, {}, [['talos-role', 'os:reader']])).code).toBe(7);
});

test('talos-role means nothing without os:impersonator', async () => {
  const reader = await world.client('cp', { organizations: ['os:reader'] });
  expect((await reader.call(read, { path: '/etc/hosts' }, [['talos-role', 'os:admin']])).code).toBe(7);
});

test('a certificate that may also serve is not let in', async () => {
  const both = await world.client('cp', { usages: ['client', 'server'] });
  expect((await both.call(version, {})).code).toBe(14);
  const server = await world.client('cp', { usages: ['server'] });
  expect((await server.call(version, {})).code).toBe(14);
  expect(world.node('cp').control.calls()).toEqual([]);
});

test('a certificate of another CA is not let in', async () => {
  const stranger = await openSimWorld();
  try {
    const outsider = await stranger.pki.issue({ commonName: 'x', organizations: ['os:admin'] });
    const client = new SimClient(world.node('cp'), world.pki.ca, outsider);
    expect((await client.call(version, {})).code).toBe(14);
    client.close();
  } finally {
    await stranger.close();
  }
});

test('resources: writes, unknown kinds and sensitive kinds are refused with PERMISSION_DENIED', async () => {
  const admin = await world.client('cp');
  const reader = await world.client('cp', { organizations: ['os:reader'] });
  const members = { namespace: 'cluster', type: 'Members.cluster.talos.dev' };
  const config = { namespace: 'config', type: 'MachineConfigs.config.talos.dev', id: 'v1alpha1' };
  expect((await admin.call(State.method.destroy, { ...members, id: 'cp' })).message).toBe(
    'write access is not allowed',
  );
  expect((await admin.call(State.method.list, { ...members, type: 'Nope' })).code).toBe(7);
  expect((await reader.call(State.method.get, config)).message).toBe('not authorized');
  expect((await reader.call(State.method.get, { ...config, type: config.type.toLowerCase() })).code).toBe(7);
  expect((await admin.call(State.method.get, config)).code).toBe(0);
  expect((await reader.call(State.method.list, members)).replies).toHaveLength(3);
  expect((await reader.call(State.method.get, { ...members, id: 'nix' })).code).toBe(5);
});

test('an unknown method is recorded and UNIMPLEMENTED', async () => {
  const admin = await world.client('cp');
  const unknown = { ...version, name: 'Selfdestruct', parent: version.parent };
  expect((await admin.call(unknown, {})).code).toBe(12);
  expect(
    world
      .node('cp')
      .control.calls()
      .map(call => call.path),
  ).toEqual(['/machine.MachineService/Selfdestruct']);
});
