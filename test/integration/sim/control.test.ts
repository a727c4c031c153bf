import { afterEach, beforeEach, expect, test } from 'vitest';
import { MachineService } from '../../../src/gen/machine/machine_pb.js';
import { openSimWorld, SimClient, type SimWorld, until } from './support/sim-client.ts';

let world: SimWorld;
let client: SimClient;
beforeEach(async () => {
  world = await openSimWorld();
  client = await world.client('cp');
});
afterEach(() => world.close());

const { version, logs, etcdRecover, reboot, shutdown, dmesg } = MachineService.method;
const path = '/machine.MachineService/Version';
const control = () => world.node('cp').control;

test('calls holds the raw header list, the request bytes, the peer and the end', async () => {
  await client.call(logs, { namespace: 'system', id: 'machined', tailLines: 1 }, [
    ['x-thing', 'a'],
    ['x-thing', 'b'],
  ]);
  const [call] = control().calls();
  expect(call?.path).toBe('/machine.MachineService/Logs');
  expect(call?.metadata.get('x-thing')).toEqual(['a', 'b']);
  expect(call?.headers.filter(([name]) => name === 'x-thing')).toHaveLength(2);
  expect(call?.headers.some(([name]) => name === ':authority')).toBe(true);
  expect(call?.requests).toEqual([Buffer.from('0a0673797374656d12086d616368696e65642801', 'hex')]);
  expect(call?.peer.organizations).toEqual(['os:admin']);
  expect(call?.peer.commonName).toBe('tester');
  expect(call?.ended).toEqual({ kind: 'status', code: 0, message: '' });
  expect(call?.endedAt).toBeGreaterThanOrEqual(call?.receivedAt ?? Infinity);
});

test('calls holds each message of a client stream', async () => {
  const open = client.open(etcdRecover);
  open.send({ bytes: Buffer.from('one') });
  open.send({ bytes: Buffer.from('two') });
  open.halfClose();
  expect((await open.outcome).code).toBe(0);
  expect(control().calls()[0]?.requests).toHaveLength(2);
});

test('a cancelled stream is recorded as cancelled and leaves no stream open', async () => {
  const open = client.open(logs);
  open.send({ namespace: 'system', id: 'machined', follow: true, tailLines: -1 });
  open.halfClose();
  await until(() => open.replies.length > 0);
  expect(control().openStreams()).toBe(1);
  open.cancel();
  expect((await open.outcome).code).toBe(1);
  await until(() => control().openStreams() === 0);
  expect(control().calls()[0]?.ended).toEqual({ kind: 'cancelled' });
});

test('failNext gives the ordered status once, with details', async () => {
  control().failNext(path, { code: 'RESOURCE_EXHAUSTED', message: 'ünlucky', details: Buffer.from([8, 8]) });
  const failed = await client.call(version, {});
  expect([failed.code, failed.message]).toEqual([8, 'ünlucky']);
  expect(failed.trailers.get('grpc-status-details-bin')).toEqual([Buffer.from([8, 8])]);
  expect((await client.call(version, {})).code).toBe(0);
});

test('failNext waits for a call that the caller may make', async () => {
  control().failNext(path, { code: 'INTERNAL', message: 'x' });
  const nobody = await world.client('cp', { organizations: [] });
  expect((await nobody.call(version, {})).code).toBe(7);
  expect((await client.call(version, {})).code).toBe(13);
});

test('delayNext holds a call back', async () => {
  await client.call(version, {});
  control().delayNext(path, 150);
  const started = performance.now();
  expect((await client.call(version, {})).code).toBe(0);
  expect(performance.now() - started).toBeGreaterThan(140);
});

test('kill drops open streams, start brings the node back on the same port with another boot id', async () => {
  const dial = world.node('cp').dial;
  const before = control().bootId();
  const open = client.open(dmesg);
  open.send({ follow: true });
  open.halfClose();
  await until(() => open.replies.length > 0);
  await control().kill();
  expect((await open.outcome).code).not.toBe(0);
  expect((await client.call(version, {})).code).toBe(14);
  expect(control().up()).toBe(false);
  await control().start();
  expect(world.node('cp').dial).toBe(dial);
  expect(control().bootId()).not.toBe(before);
  expect((await (await world.client('cp')).call(version, {})).code).toBe(0);
});

test('reboot goes away and comes back with another boot id', async () => {
  const before = control().bootId();
  expect((await client.call(reboot, {})).replies[0]?.messages[0]?.actorId).toMatch(/^[0-9a-f-]{36}$/);
  await until(() => !control().up());
  await until(() => control().up());
  expect(control().bootId()).not.toBe(before);
});

test('shutdown stays away until start', async () => {
  await client.call(shutdown, {});
  await until(() => !control().up());
  await new Promise(resolve => setTimeout(resolve, 250));
  expect(control().up()).toBe(false);
  await control().start();
  expect((await (await world.client('cp')).call(version, {})).code).toBe(0);
});

test('pings counts the keepalive of clients', async () => {
  const issued = await world.pki.issue({ commonName: 'pinger', organizations: ['os:reader'] });
  const pinger = new SimClient(world.node('cp'), world.pki.ca, issued, { 'grpc.keepalive_time_ms': 40 });
  const open = pinger.open(dmesg);
  open.send({ follow: true });
  open.halfClose();
  await until(() => control().pings() > 1);
  open.cancel();
  await open.outcome;
  pinger.close();
  control().clearCalls();
  expect(control().pings()).toBe(0);
});
