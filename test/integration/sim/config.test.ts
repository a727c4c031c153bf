import { afterEach, beforeEach, expect, test } from 'vitest';
import { EventType, State } from '../../../src/gen/cosi/resource/state_pb.js';
import { MachineService, ApplyConfigurationRequest_Mode as Mode } from '../../../src/gen/machine/machine_pb.js';
import { openSimWorld, type SimClient, type SimWorld, until } from './support/sim-client.ts';

let world: SimWorld;
let client: SimClient;
beforeEach(async () => {
  world = await openSimWorld();
  client = await world.client('w1');
});
afterEach(() => world.close());

const config = { namespace: 'config', type: 'MachineConfigs.config.talos.dev' };
const control = () => world.node('w1').control;
const changed = (somaxconn: string): Buffer =>
  Buffer.from(
    control()
      .machineConfig()
      .replace('machine:\n', `machine:\n    sysctls:\n        net.core.somaxconn: "${somaxconn}"\n`),
  );
const apply = (data: Buffer, mode: Mode, more: object = {}) =>
  client.call(MachineService.method.applyConfiguration, { data, mode, ...more });
const detailsOf = async (outcome: ReturnType<typeof apply>) => (await outcome).replies[0]?.messages[0]?.modeDetails;

async function versionOf(id: string): Promise<string | undefined> {
  const { replies } = await client.call(State.method.get, { ...config, id });
  return replies[0]?.resource?.metadata?.version;
}

test('applyConfiguration without reboot changes the running and the stored configuration', async () => {
  expect(await detailsOf(apply(changed('1'), Mode.AUTO))).toBe('Applied configuration without a reboot');
  expect(control().machineConfig()).toContain('net.core.somaxconn: "1"');
  expect([await versionOf('v1alpha1'), await versionOf('persistent')]).toEqual(['2', '2']);
});

test('applyConfiguration staged waits for the next boot', async () => {
  expect(await detailsOf(apply(changed('1'), Mode.STAGED))).toBe(
    'Staged configuration to be applied after the next reboot',
  );
  expect(control().machineConfig()).not.toContain('somaxconn');
  expect([await versionOf('v1alpha1'), await versionOf('persistent')]).toEqual(['1', '2']);
  await control().restart();
  expect(control().machineConfig()).toContain('somaxconn');
});

test('applyConfiguration in try mode comes back by itself', async () => {
  const timeout = { tryModeTimeout: { seconds: 0n, nanos: 150_000_000 } };
  expect(await detailsOf(apply(changed('1'), Mode.TRY, timeout))).toContain('automatically reverted back in 0.15s');
  expect(control().machineConfig()).toContain('somaxconn');
  await until(() => !control().machineConfig().includes('somaxconn'));
});

test('applyConfiguration as a dry run shows the difference and changes nothing', async () => {
  const details = await detailsOf(apply(changed('1'), Mode.AUTO, { dryRun: true }));
  expect(details).toContain(
    'Dry run summary:\nApplied configuration without a reboot (skipped in dry-run).\nConfig diff:',
  );
  expect(details).toContain('\n+        net.core.somaxconn: "1"\n');
  expect(await versionOf('v1alpha1')).toBe('1');
  expect(await detailsOf(apply(Buffer.from(control().machineConfig()), Mode.AUTO, { dryRun: true }))).toContain(
    'No changes.',
  );
});

test('applyConfiguration reboots for what needs it, and refuses a second one until then', async () => {
  const before = control().bootId();
  const text = control().machineConfig().replace('machine:\n', 'machine:\n    disks: []\n');
  expect(await detailsOf(apply(Buffer.from(text), Mode.AUTO))).toContain(
    'Applied configuration with a reboot: this config change',
  );
  expect((await apply(changed('1'), Mode.AUTO)).code).toBe(9);
  await until(() => control().up() && control().bootId() !== before);
  expect(control().machineConfig()).toContain('disks: []');
});

test.each([
  ['yaml that is none', () => Buffer.from('machine: ['), Mode.AUTO, 3],
  ['no v1alpha1 document', () => Buffer.from('kind: X\napiVersion: v1\n'), Mode.AUTO, 3],
])('applyConfiguration refuses %s', async (_what, data, mode, code) => {
  expect((await apply(data(), mode)).code).toBe(code);
  expect(await versionOf('v1alpha1')).toBe('1');
});

test('applyConfiguration takes the mode REBOOT up to 1.13, and refuses it from 1.14 on', async () => {
  const before = control().bootId();
  expect((await apply(changed('1'), Mode.REBOOT)).code).toBe(0);
  await until(() => control().up() && control().bootId() !== before);
  expect(control().machineConfig()).toContain('net.core.somaxconn: "1"');
  const newer = await openSimWorld({ talosVersion: 'v1.14.0' });
  try {
    const there = await newer.client('w1');
    const data = Buffer.from(newer.node('w1').control.machineConfig());
    expect((await there.call(MachineService.method.applyConfiguration, { data, mode: Mode.REBOOT })).code).toBe(12);
  } finally {
    await newer.close();
  }
});

test('applyConfiguration refuses a concurrent call', async () => {
  const codes = await Promise.all(
    [1, 2, 3].map(async value => (await apply(changed(String(value)), Mode.NO_REBOOT)).code),
  );
  expect(codes.sort()).toEqual([0, 9, 9]);
});

test('a watch of one resource begins with an empty message and the current state, and tells changes', async () => {
  const watch = client.open(State.method.watch);
  watch.send({ ...config, id: 'v1alpha1', apiVersion: 1 });
  watch.halfClose();
  await until(() => watch.replies.length === 2);
  expect(watch.replies[0]?.event).toEqual([]);
  expect(watch.replies[1]?.event[0]?.eventType).toBe(EventType.CREATED);
  await apply(changed('1'), Mode.NO_REBOOT);
  await until(() => watch.replies.length === 3);
  const event = watch.replies[2]?.event[0];
  expect([event?.eventType, event?.resource?.metadata?.version, event?.old?.metadata?.version]).toEqual([
    EventType.UPDATED,
    '2',
    '1',
  ]);
  watch.cancel();
  await watch.outcome;
});

test('a watch of a kind bootstraps, and its bookmark leads on but not over a reboot', async () => {
  const watch = client.open(State.method.watch);
  watch.send({ ...config, apiVersion: 1, options: { bootstrapContents: true, aggregated: true } });
  watch.halfClose();
  await until(() => watch.replies.length === 2);
  const events = watch.replies[1]?.event ?? [];
  expect(events.map(event => event.eventType)).toEqual([EventType.CREATED, EventType.CREATED, EventType.BOOTSTRAPPED]);
  const bookmark = events.at(-1)?.bookmark ?? Buffer.alloc(0);
  watch.cancel();
  await watch.outcome;

  await apply(changed('1'), Mode.STAGED);
  const again = client.open(State.method.watch);
  again.send({ ...config, apiVersion: 1, options: { startFromBookmark: bookmark } });
  again.halfClose();
  await until(() => again.replies.length === 2);
  expect(again.replies[1]?.event[0]?.resource?.metadata?.id).toBe('persistent');
  again.cancel();
  await again.outcome;

  await control().restart();
  const later = await world.client('w1');
  const stale = await later.call(State.method.watch, { ...config, options: { startFromBookmark: bookmark } });
  expect([stale.code, stale.message]).toEqual([9, 'invalid watch bookmark']);
});
