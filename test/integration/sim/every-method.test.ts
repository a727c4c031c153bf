import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ContainerDriver, ContainerdNamespace } from '../../../src/gen/common/common_pb.js';
import { DebugContainerRunRequestSpec_Profile as Profile } from '../../../src/gen/machine/debug_pb.js';
import { ApplyConfigurationRequest_Mode as Mode } from '../../../src/gen/machine/machine_pb.js';
import { simMethods } from '../../../src/sim/methods.ts';
import { nodeServices } from './support/node-services.ts';
import { openSimWorld, type SimWorld } from './support/sim-client.ts';

let world: SimWorld;
beforeAll(async () => {
  world = await openSimWorld();
});
afterAll(() => world.close());

const containerd = { driver: ContainerDriver.CRI, namespace: ContainerdNamespace.NS_CRI };
const members = { namespace: 'cluster', type: 'Members.cluster.talos.dev', id: 'cp' };
const named = { namespace: 'k8s.io', driver: ContainerDriver.CRI };
const pod = 'kube-system/kube-apiserver-cp';

/** Requests for methods that do not make sense without one. The values are what talosctl would send. */
const requests: Readonly<Record<string, Record<string, unknown> | (() => Record<string, unknown>)>> = {
  '/machine.MachineService/ApplyConfiguration': () => ({
    data: Buffer.from(world.node('cp').control.machineConfig()),
    mode: Mode.NO_REBOOT,
  }),
  '/machine.MachineService/Containers': named,
  '/machine.MachineService/Copy': { rootPath: '/etc' },
  '/machine.MachineService/DiskUsage': { paths: ['/etc'] },
  '/machine.MachineService/EtcdDowngradeValidate': { version: '3.5' },
  '/machine.MachineService/EtcdDowngradeEnable': { version: '3.5' },
  '/machine.MachineService/GenerateClientConfiguration': { roles: ['os:reader'], crtTtl: { seconds: 60n } },
  '/machine.MachineService/ImageList': { namespace: ContainerdNamespace.NS_CRI },
  '/machine.MachineService/ImagePull': { namespace: ContainerdNamespace.NS_CRI, reference: 'alpine' },
  '/machine.MachineService/Logs': { namespace: 'system', id: 'kubelet', tailLines: 5 },
  '/machine.MachineService/MetaWrite': { key: 10, value: Buffer.from('x') },
  '/machine.MachineService/Read': { path: '/etc/hosts' },
  '/machine.MachineService/Restart': { ...named, id: pod },
  '/machine.MachineService/ServiceRestart': { id: 'kubelet' },
  '/machine.MachineService/ServiceStart': { id: 'kubelet' },
  '/machine.MachineService/ServiceStop': { id: 'ext-qemu-guest-agent' },
  '/machine.MachineService/Stats': named,
  '/machine.MachineService/Upgrade': { image: 'ghcr.io/siderolabs/installer:v1.13.10' },
  '/machine.ImageService/List': { containerd },
  '/machine.ImageService/Pull': { containerd, imageRef: 'alpine' },
  '/machine.ImageService/Import': { request: { case: 'containerd', value: containerd } },
  '/machine.ImageService/Remove': { containerd, imageRef: 'registry.k8s.io/pause:3.10.1' },
  '/machine.ImageService/Verify': { imageRef: 'alpine' },
  '/machine.LifecycleService/Upgrade': { containerd, source: { imageName: 'registry.k8s.io/coredns/coredns:v1.14.6' } },
  '/machine.LifecycleService/Install': { containerd, source: { imageName: 'x' }, destination: { disk: '/dev/vda' } },
  '/machine.DebugService/ContainerRun': {
    request: {
      case: 'spec',
      value: {
        containerd,
        imageName: 'registry.k8s.io/coredns/coredns:v1.14.6',
        args: ['true'],
        profile: Profile.PRIVILEGED,
      },
    },
  },
  '/machine.StorageService/Statfs': { path: '/var' },
  '/storage.StorageService/BlockDeviceWipe': { devices: [{ device: 'vdb' }] },
  '/cluster.ClusterService/HealthCheck': { waitTimeout: { seconds: 5n } },
  '/time.TimeService/TimeCheck': { server: 'pool.ntp.org' },
  '/cosi.resource.State/Get': members,
  '/cosi.resource.State/List': members,
  '/cosi.resource.State/Watch': members,
};

/** Streams without an end of their own. */
const endless = new Set([
  '/machine.MachineService/Events',
  '/machine.MachineService/PacketCapture',
  '/cosi.resource.State/Watch',
]);

/** Methods for which a refusal is the sensible answer on this node, with its code. */
const refusals: Readonly<Record<string, number>> = {
  '/machine.MachineService/Bootstrap': 6,
  '/machine.MachineService/EtcdRemoveMemberByID': 5,
  '/machine.MachineService/EtcdLeaveCluster': 2,
  '/machine.MachineService/MetaDelete': 5,
  '/machine.MachineService/Rollback': 2,
  '/machine.ImageService/Import': 13,
  '/machine.LifecycleService/Install': 6,
  '/machine.LVMService/LogicalVolumeRemove': 3,
  '/machine.LVMService/VolumeGroupRemove': 3,
  '/machine.LVMService/PhysicalVolumeRemove': 3,
  '/machine.MDService/Destroy': 3,
  '/cosi.resource.State/Create': 7,
  '/cosi.resource.State/Update': 7,
  '/cosi.resource.State/Destroy': 7,
  '/cosi.resource.State/Teardown': 7,
  '/cosi.resource.State/TeardownAndDestroy': 7,
};

/** What takes the node away comes last. */
const leaving = ['Upgrade', 'Reboot', 'Reset', 'Shutdown'].map(name => `/machine.MachineService/${name}`);
const methods = nodeServices.flatMap(service => service.methods);
const pathOf = (method: (typeof methods)[number]): string => `/${method.parent.typeName}/${method.name}`;

test('node-services names the same methods as the simulator', () => {
  expect(methods.map(pathOf).sort()).toEqual(simMethods.map(({ path }) => path).sort());
});

test.each(methods.filter(method => !leaving.includes(pathOf(method))).map(method => [pathOf(method), method] as const))(
  '%s answers sensibly',
  async (path, method) => {
    const client = await world.client('cp');
    const given = requests[path] ?? (path.endsWith('PacketCapture') ? { interface: 'eth0' } : {});
    const open = client.open(method);
    open.send(typeof given === 'function' ? given() : given);
    open.halfClose();
    if (endless.has(path)) {
      await expect.poll(() => open.replies.length).toBeGreaterThan(0);
      open.cancel();
      expect((await open.outcome).code).toBe(1);
      return;
    }
    const { code, message, replies } = await open.outcome;
    expect([code, code === (refusals[path] ?? 0) ? '' : message]).toEqual([refusals[path] ?? 0, '']);
    if (code === 0) {
      expect(replies.length, 'a reply').toBeGreaterThan(0);
      const empty = toBinary(method.output, create(method.output)).length;
      const isEmpty = method.output.typeName === 'google.protobuf.Empty';
      if (!isEmpty) expect(toBinary(method.output, replies[0] as never).length, 'a full reply').toBeGreaterThan(empty);
    } else expect(message).not.toBe('');
  },
);

test.each(leaving)('%s answers, and the node goes', async path => {
  const method = methods.find(one => pathOf(one) === path);
  if (method === undefined) throw new Error('no such method');
  const { control } = world.node('w1');
  await control.start();
  const client = await world.client('w1');
  const { code, replies } = await client.call(method, (requests[path] ?? {}) as never);
  expect(code).toBe(0);
  expect(replies).toHaveLength(1);
  await expect.poll(() => control.up(), { timeout: 5000 }).toBe(false);
});
