import { fromBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { ContainerDriver, ContainerdNamespace } from '../../../src/gen/common/common_pb.js';
import { ImageService } from '../../../src/gen/machine/image_pb.js';
import { LifecycleService } from '../../../src/gen/machine/lifecycle_pb.js';
import {
  type Event,
  MachineService,
  MachineStatusEventSchema,
  SequenceEventSchema,
  MachineStatusEvent_MachineStage as Stage,
  TaskEventSchema,
} from '../../../src/gen/machine/machine_pb.js';
import { startSimCluster } from '../../../src/sim/sim.ts';
import { createTestPki } from '../../support/pki.ts';
import { openSimWorld, type SimClient, type SimWorld, until } from './support/sim-client.ts';

let world: SimWorld;
let client: SimClient;
beforeEach(async () => {
  world = await openSimWorld();
  client = await world.client('w1');
});
afterEach(() => world.close());

const { events, reboot, version } = MachineService.method;
const control = () => world.node('w1').control;
const typeOf = (event: Event): string => event.data?.typeUrl.replace('talos/runtime/machine.', '') ?? '';
const value = (event: Event): Uint8Array => event.data?.value ?? new Uint8Array();

test('reboot: the events of its actor come in order, then the node goes, then a new boot is told', async () => {
  const before = client.open(events);
  before.send({});
  before.halfClose();
  await until(() => before.replies.length === 1);
  expect(before.replies[0]?.data?.typeUrl).toBe('');
  const actor = (await client.call(reboot, {})).replies[0]?.messages[0]?.actorId ?? '';
  expect((await before.outcome).code).not.toBe(0);
  const own = before.replies.filter(event => event.actorId === actor);
  expect(typeOf(own[0] as Event)).toBe('MachineStatusEvent');
  const sequence = own.find(event => typeOf(event) === 'SequenceEvent');
  expect(fromBinary(SequenceEventSchema, value(sequence as Event)).sequence).toBe('reboot');
  const tasks = own
    .filter(event => typeOf(event) === 'TaskEvent')
    .map(event => fromBinary(TaskEventSchema, value(event)).task);
  expect(tasks).toContain('stopAllServices');

  await until(() => control().up());
  const after = client.open(events);
  after.send({ tailEvents: -1 });
  after.halfClose();
  const stages = (): Stage[] =>
    after.replies
      .filter(event => typeOf(event) === 'MachineStatusEvent')
      .map(event => fromBinary(MachineStatusEventSchema, value(event)).stage);
  await until(() => stages().includes(Stage.RUNNING));
  expect(stages()[0]).toBe(Stage.BOOTING);
  expect(after.replies.some(event => event.actorId === actor)).toBe(false);
  after.cancel();
  await after.outcome;
});

test('a node that leaves takes no new calls, and lets the one that runs end', async () => {
  await world.close();
  world = await openSimWorld({ timing: { shutdown: 50, grace: 5000, away: 60_000, boot: 0, step: 10 } });
  client = await world.client('w1');
  const path = '/machine.MachineService/Version';
  control().delayNext(path, 1000);
  const slow = client.call(version, {});
  await until(() => control().openStreams() === 1);
  await client.call(reboot, {});
  await until(() => !control().up());
  await expect(runningVersion()).resolves.toBeUndefined();
  const { code, replies } = await slow;
  expect([code, replies.length]).toEqual([0, 1]);
});

test('events: an actor filter hides the others, and tail options exclude each other', async () => {
  const mine = client.open(events);
  mine.send({ tailEvents: -1, withActorId: 'me' });
  mine.halfClose();
  await new Promise(resolve => setTimeout(resolve, 100));
  expect(mine.replies).toHaveLength(1);
  mine.cancel();
  await mine.outcome;
  expect((await client.call(events, { tailEvents: 1, tailSeconds: 1 })).code).toBe(2);
});

async function runningVersion(): Promise<string | undefined> {
  const fresh = await world.client('w1');
  return (await fresh.call(version, {})).replies[0]?.messages[0]?.version?.tag;
}

test('upgrade by the old path reboots into the version of the image', async () => {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- old talosctl still calls it
  const { replies } = await client.call(MachineService.method.upgrade, {
    image: 'ghcr.io/siderolabs/installer:v1.13.10',
  });
  expect(replies[0]?.messages[0]?.ack).toBe('Upgrade request received');
  await until(() => !control().up());
  await until(() => control().up());
  expect(await runningVersion()).toBe('v1.13.10');
});

test('upgrade by the new path tells its progress and waits for the reboot', async () => {
  const containerd = { driver: ContainerDriver.CRI, namespace: ContainerdNamespace.NS_SYSTEM };
  const pulled = await client.call(ImageService.method.pull, {
    containerd,
    imageRef: 'ghcr.io/siderolabs/installer:v1.14.0',
  });
  const name = pulled.replies.at(-1)?.response;
  expect(name?.case).toBe('name');
  const source = { imageName: name?.case === 'name' ? name.value : '' };
  const { replies, code } = await client.call(LifecycleService.method.upgrade, { containerd, source });
  expect(code).toBe(0);
  expect(replies.at(-1)?.progress?.response).toEqual({ case: 'exitCode', value: 0 });
  expect(await runningVersion()).toBe('v1.13.9');
  await control().restart();
  expect(await runningVersion()).toBe('v1.14.0');
});

test('startSimCluster starts fifty nodes in seconds', async () => {
  const pki = await createTestPki();
  const tls = { ...(await pki.issue({ commonName: 'any', usages: ['server'] })), clientCa: pki.ca };
  const nodes = Array.from({ length: 50 }, (_unused, index) => ({
    ...{ name: `n${index}`, cluster: 'big', role: index < 3 ? ('controlplane' as const) : ('worker' as const) },
    ...{ address: `10.6.0.${index + 1}`, listen: '127.0.0.1:0', tls },
  }));
  const started = performance.now();
  const cluster = await startSimCluster({ clock: systemClock, nodes });
  expect(performance.now() - started).toBeLessThan(8000);
  expect(new Set(cluster.nodes.map(node => node.dial)).size).toBe(50);
  await cluster.close();
});

test('startSimCluster closes everything again when one node cannot listen', async () => {
  const pki = await createTestPki();
  const tls = { ...(await pki.issue({ commonName: 'any', usages: ['server'] })), clientCa: pki.ca };
  const node = (name: string, listen: string) => ({
    ...{ name, cluster: 'c', role: 'worker' as const, address: '10.6.0.1', listen, tls },
  });
  const taken = world.node('cp').dial;
  await expect(
    startSimCluster({ clock: systemClock, nodes: [node('a', '127.0.0.1:0'), node('b', taken)] }),
  ).rejects.toThrow('EADDRINUSE');
});
