import type { DescMessage } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeSegment } from '../../../src/catalog/segment.ts';
import { HealthCheckRequestSchema } from '../../../src/gen/cluster/cluster_pb.js';
import {
  ListRequestSchema as CosiListSchema,
  CreateRequestSchema,
  GetRequestSchema,
  UpdateRequestSchema,
  WatchRequestSchema,
} from '../../../src/gen/cosi/resource/state_pb.js';
import { DebugContainerRunRequestSchema } from '../../../src/gen/machine/debug_pb.js';
import {
  ImageServiceImportRequestSchema,
  ImageServicePullRequestSchema,
  ImageServiceRemoveRequestSchema,
} from '../../../src/gen/machine/image_pb.js';
import { LifecycleServiceUpgradeRequestSchema } from '../../../src/gen/machine/lifecycle_pb.js';
import {
  LVMServiceLogicalVolumeRemoveRequestSchema,
  LVMServicePhysicalVolumeRemoveRequestSchema,
} from '../../../src/gen/machine/lvm_pb.js';
import {
  ApplyConfigurationRequestSchema,
  ContainersRequestSchema,
  CopyRequestSchema,
  DiskUsageRequestSchema,
  EtcdRemoveMemberByIDRequestSchema,
  GenerateClientConfigurationRequestSchema,
  ImagePullRequestSchema,
  ListRequestSchema,
  LogsRequestSchema,
  MetaWriteRequestSchema,
  ReadRequestSchema,
  RebootRequestSchema,
  ResetRequestSchema,
  RestartRequestSchema,
  ServiceStopRequestSchema,
  ShutdownRequestSchema,
} from '../../../src/gen/machine/machine_pb.js';
import { MDDestroyRequestSchema } from '../../../src/gen/machine/md_pb.js';
import { BlockDeviceWipeRequestSchema } from '../../../src/gen/storage/storage_pb.js';
import { TimeRequestSchema } from '../../../src/gen/time/time_pb.js';
import { inspect, refusal } from './support.ts';

const machine = (name: string): string => `/machine.MachineService/${name}`;
const state = (name: string): string => `/cosi.resource.State/${name}`;
const hash = 'a'.repeat(64);
const digest = `sha256:${hash}`;
type Init = Record<string, unknown>;
type Case = readonly [path: string, desc: DescMessage, init: Init, resource: string];

const cases: readonly Case[] = [
  // logs: what the node takes for a service log is one to us, whatever driver or namespace say
  [machine('Logs'), LogsRequestSchema, { namespace: 'system', id: 'etcd' }, 'logs/system/etcd'],
  [machine('Logs'), LogsRequestSchema, { namespace: 'system', id: 'etcd', driver: 1 }, 'logs/system/etcd'],
  [machine('Logs'), LogsRequestSchema, { namespace: 'k8s.io', id: 'kubelet', driver: 1 }, 'logs/system/kubelet'],
  [machine('Logs'), LogsRequestSchema, { id: 'kubelet' }, 'logs/system/kubelet'],
  [
    machine('Logs'),
    LogsRequestSchema,
    { namespace: 'k8s.io', id: 'kube-system/etcd-1:etcd', driver: 1 },
    'logs/k8s.io/kube-system/etcd-1/etcd',
  ],
  [
    machine('Logs'),
    LogsRequestSchema,
    { namespace: 'k8s.io', id: 'kube-system/etcd-1:etcd:0a1b2c', driver: 1 },
    'logs/k8s.io/kube-system/etcd-1/etcd',
  ],
  [
    machine('Logs'),
    LogsRequestSchema,
    { namespace: 'k8s.io', id: 'kube-system/etcd-1:etcd' },
    'logs/k8s.io/kube-system/etcd-1/etcd',
  ],
  [
    machine('Logs'),
    LogsRequestSchema,
    { namespace: 'k8s.io', id: 'kube-system/etcd-1', driver: 1 },
    'logs/k8s.io/kube-system/etcd-1',
  ],
  [
    machine('Logs'),
    LogsRequestSchema,
    { namespace: 'k8s.io', id: 'kube-system/*:etcd', driver: 1 },
    'logs/k8s.io/kube-system/%2A/etcd',
  ],
  [machine('Logs'), LogsRequestSchema, { namespace: 'taloscontainers', id: 'a/b' }, 'logs/taloscontainers/a%2Fb'],
  [machine('Logs'), LogsRequestSchema, { id: 'etcd' }, 'logs/-/etcd'],
  [
    machine('Restart'),
    RestartRequestSchema,
    { namespace: 'k8s.io', id: 'default/web:app', driver: 1 },
    'container/k8s.io/default/web/app',
  ],
  [machine('Restart'), RestartRequestSchema, { namespace: 'system', id: 'apid' }, 'container/system/apid'],
  // the CRI driver finds nothing by a bare id
  [machine('Logs'), LogsRequestSchema, { namespace: 'k8s.io', id: hash, driver: 1 }, `logs/k8s.io/${hash}`],
  [machine('Restart'), RestartRequestSchema, { namespace: 'k8s.io', id: 'web', driver: 1 }, 'container/k8s.io/web'],
  [machine('Containers'), ContainersRequestSchema, { namespace: 'k8s.io', driver: 1 }, 'containers/cri/k8s.io'],
  [machine('Containers'), ContainersRequestSchema, {}, 'containers/containerd/-'],
  // files
  [machine('Read'), ReadRequestSchema, { path: '/etc/os-release' }, 'file/etc/os-release'],
  [
    machine('Read'),
    ReadRequestSchema,
    { path: '/proc/sys/kernel/random/boot_id' },
    'file/proc/sys/kernel/random/boot_id',
  ],
  [machine('Read'), ReadRequestSchema, { path: '/proc/bus/pci/devices' }, 'file/proc/bus/pci/devices'],
  [machine('Read'), ReadRequestSchema, { path: '/var/a b/*/…' }, 'file/var/a%20b/%2A/%E2%80%A6'],
  [machine('Read'), ReadRequestSchema, { path: '/a/...' }, 'file/a/...'],
  [machine('Copy'), CopyRequestSchema, { rootPath: '/sys/fs/cgroup' }, 'file/sys/fs/cgroup'],
  [machine('List'), ListRequestSchema, { root: '/' }, 'file'],
  [machine('List'), ListRequestSchema, { root: '' }, 'file'],
  [machine('List'), ListRequestSchema, { root: '/var/log/' }, 'file/var/log'],
  [machine('DiskUsage'), DiskUsageRequestSchema, { paths: ['/var'] }, 'file/var'],
  [machine('DiskUsage'), DiskUsageRequestSchema, {}, 'file'],
  [machine('DiskUsage'), DiskUsageRequestSchema, { paths: ['/a', '/b c', '/a'] }, 'file/a file/b%20c'],
  // relative to the root, as the node takes them
  [machine('DiskUsage'), DiskUsageRequestSchema, { paths: ['var/log/'] }, 'file/var/log'],
  [machine('List'), ListRequestSchema, { root: 'etc' }, 'file/etc'],
  [machine('Read'), ReadRequestSchema, { path: 'etc/hosts' }, 'file/etc/hosts'],
  // COSI
  [
    state('Get'),
    GetRequestSchema,
    { type: 'Members.cluster.talos.dev', namespace: 'cluster', id: 'n1' },
    'resource/members.cluster.talos.dev/cluster/n1',
  ],
  [
    state('Get'),
    GetRequestSchema,
    { type: 'Members.cluster.talos.dev', namespace: 'cluster', id: '*' },
    'resource/members.cluster.talos.dev/cluster/%2A',
  ],
  [state('Get'), GetRequestSchema, { type: 'A/B' }, 'resource/a%2Fb/-/-'],
  [state('List'), CosiListSchema, { type: 'Members.cluster.talos.dev' }, 'resource/members.cluster.talos.dev/-/*'],
  [
    state('Watch'),
    WatchRequestSchema,
    { type: 'Services.v1alpha1.talos.dev', namespace: 'runtime' },
    'resource/services.v1alpha1.talos.dev/runtime/*',
  ],
  [
    state('Watch'),
    WatchRequestSchema,
    { type: 'Services.v1alpha1.talos.dev', namespace: 'runtime', id: 'etcd' },
    'resource/services.v1alpha1.talos.dev/runtime/etcd',
  ],
  [state('Watch'), WatchRequestSchema, { type: 'X.y', id: '' }, 'resource/x.y/-/-'],
  [
    state('Create'),
    CreateRequestSchema,
    { resource: { metadata: { type: 'X.y', namespace: 'n', id: 'i' } } },
    'resource/x.y/n/i',
  ],
  [state('Create'), CreateRequestSchema, {}, 'resource/-/-/-'],
  [
    state('Update'),
    UpdateRequestSchema,
    { newResource: { metadata: { type: 'X.y', namespace: 'n', id: 'i' } } },
    'resource/x.y/n/i',
  ],
  // images: pulled ones as the node writes them out, stored ones as they are
  [machine('ImagePull'), ImagePullRequestSchema, {}, 'image/-'],
  [
    '/machine.ImageService/Pull',
    ImageServicePullRequestSchema,
    { imageRef: 'alpine' },
    'image/docker.io/library/alpine:latest',
  ],
  [
    '/machine.ImageService/Pull',
    ImageServicePullRequestSchema,
    { imageRef: `ghcr.io/siderolabs/installer:v1.14.0@${digest}` },
    `image/ghcr.io/siderolabs/installer@${digest}`,
  ],
  [
    '/machine.ImageService/Pull',
    ImageServicePullRequestSchema,
    { imageRef: '[::1]:5000/a:b' },
    'image/%5B::1%5D:5000/a:b',
  ],
  ['/machine.ImageService/Remove', ImageServiceRemoveRequestSchema, { imageRef: 'alpine' }, 'image/alpine'],
  ['/machine.ImageService/Remove', ImageServiceRemoveRequestSchema, { imageRef: digest }, `image/${digest}`],
  [
    '/machine.LifecycleService/Upgrade',
    LifecycleServiceUpgradeRequestSchema,
    { source: { imageName: `ghcr.io/siderolabs/installer:v1@${digest}` } },
    `image/ghcr.io/siderolabs/installer:v1@${digest}`,
  ],
  ['/machine.LifecycleService/Upgrade', LifecycleServiceUpgradeRequestSchema, {}, 'image/-'],
  [
    '/machine.ImageService/Import',
    ImageServiceImportRequestSchema,
    { request: { case: 'containerd', value: { namespace: 1 } } },
    'images/ns-system',
  ],
  // the rest of the node
  [machine('ApplyConfiguration'), ApplyConfigurationRequestSchema, { mode: 2 }, 'config/no-reboot'],
  [machine('ApplyConfiguration'), ApplyConfigurationRequestSchema, { dryRun: true }, 'config/reboot'],
  [machine('Reboot'), RebootRequestSchema, { mode: 1 }, 'power/powercycle'],
  [machine('Shutdown'), ShutdownRequestSchema, {}, 'power/shutdown'],
  [machine('Shutdown'), ShutdownRequestSchema, { force: true }, 'power/shutdown-force'],
  [machine('Reset'), ResetRequestSchema, { graceful: true }, 'reset/all'],
  [machine('Reset'), ResetRequestSchema, { mode: 1 }, 'reset/all'],
  [machine('Reset'), ResetRequestSchema, { userDisksToWipe: ['/dev/sdb'] }, 'reset/all'],
  [
    machine('Reset'),
    ResetRequestSchema,
    { mode: 2, userDisksToWipe: ['/dev/sdc', '/dev/sdb'] },
    'reset/user-disks/%2Fdev%2Fsdb+%2Fdev%2Fsdc',
  ],
  [machine('Reset'), ResetRequestSchema, { mode: 2 }, 'reset/user-disks/-'],
  [
    machine('Reset'),
    ResetRequestSchema,
    { mode: 2, systemPartitionsToWipe: [{ label: 'STATE', wipe: true }] },
    'reset/all',
  ],
  [
    machine('Reset'),
    ResetRequestSchema,
    {
      systemPartitionsToWipe: [
        { label: 'STATE', wipe: true },
        { label: 'EPHEMERAL', wipe: true },
      ],
    },
    'reset/partitions/EPHEMERAL+STATE',
  ],
  [
    machine('Reset'),
    ResetRequestSchema,
    { systemPartitionsToWipe: [{ label: 'STATE', wipe: true }, { label: 'META' }] },
    'reset/partitions/STATE',
  ],
  [machine('Reset'), ResetRequestSchema, { systemPartitionsToWipe: [{ label: 'META' }] }, 'reset/partitions/-'],
  [
    machine('Reset'),
    ResetRequestSchema,
    { systemPartitionsToWipe: [{ label: 'A+B', wipe: true }] },
    'reset/partitions/A%2BB',
  ],
  [
    machine('Reset'),
    ResetRequestSchema,
    { systemPartitionsToWipe: [{ label: 'STATE', wipe: true }], userDisksToWipe: ['/dev/sdb'] },
    'reset/all',
  ],
  [machine('ServiceStop'), ServiceStopRequestSchema, { id: 'ext-*' }, 'service/ext-%2A'],
  [machine('MetaWrite'), MetaWriteRequestSchema, { key: 10 }, 'meta/10'],
  [machine('MetaWrite'), MetaWriteRequestSchema, {}, 'meta/0'],
  [
    machine('EtcdRemoveMemberByID'),
    EtcdRemoveMemberByIDRequestSchema,
    { memberId: 18446744073709551615n },
    'etcd/member/18446744073709551615',
  ],
  [
    machine('GenerateClientConfiguration'),
    GenerateClientConfigurationRequestSchema,
    { roles: ['os:reader', 'os:admin', 'os:reader'] },
    'credentials/os:admin+os:reader',
  ],
  [machine('GenerateClientConfiguration'), GenerateClientConfigurationRequestSchema, {}, 'credentials/-'],
  [
    '/machine.DebugService/ContainerRun',
    DebugContainerRunRequestSchema,
    { request: { case: 'spec', value: { imageName: 'x', profile: 1 } } },
    'debug/privileged',
  ],
  [
    '/machine.DebugService/ContainerRun',
    DebugContainerRunRequestSchema,
    { request: { case: 'spec', value: { imageName: 'x', profile: 2 } } },
    'debug/host-ns',
  ],
  [
    '/machine.DebugService/ContainerRun',
    DebugContainerRunRequestSchema,
    { request: { case: 'spec', value: { imageName: 'x' } } },
    'debug/unspecified',
  ],
  [
    '/storage.StorageService/BlockDeviceWipe',
    BlockDeviceWipeRequestSchema,
    { devices: [{ device: 'vda1' }] },
    'disk/vda1',
  ],
  ['/storage.StorageService/BlockDeviceWipe', BlockDeviceWipeRequestSchema, {}, 'disk/-'],
  [
    '/storage.StorageService/BlockDeviceWipe',
    BlockDeviceWipeRequestSchema,
    { devices: [{ device: 'sda' }, { device: 'sdb' }] },
    'disk/sda disk/sdb',
  ],
  [
    '/machine.LVMService/LogicalVolumeRemove',
    LVMServiceLogicalVolumeRemoveRequestSchema,
    { volumeGroup: 'vg0', logicalVolume: 'data/x' },
    'lv/vg0/data%2Fx',
  ],
  [
    '/machine.LVMService/PhysicalVolumeRemove',
    LVMServicePhysicalVolumeRemoveRequestSchema,
    { device: '/dev/sda' },
    'pv/%2Fdev%2Fsda',
  ],
  ['/machine.MDService/Destroy', MDDestroyRequestSchema, { device: '/dev/md0' }, 'md/%2Fdev%2Fmd0'],
  ['/cluster.ClusterService/HealthCheck', HealthCheckRequestSchema, { waitTimeout: { seconds: 60n } }, 'health'],
  ['/cluster.ClusterService/HealthCheck', HealthCheckRequestSchema, { clusterInfo: {} }, 'health'],
  [
    '/cluster.ClusterService/HealthCheck',
    HealthCheckRequestSchema,
    { clusterInfo: { workerNodes: ['10.0.0.9'] } },
    'health/named-nodes',
  ],
  [
    '/cluster.ClusterService/HealthCheck',
    HealthCheckRequestSchema,
    { clusterInfo: { controlPlaneNodes: ['10.0.0.9'] } },
    'health/named-nodes',
  ],
  [
    '/cluster.ClusterService/HealthCheck',
    HealthCheckRequestSchema,
    { clusterInfo: { forceEndpoint: 'https://x' } },
    'health/named-nodes',
  ],
  ['/time.TimeService/TimeCheck', TimeRequestSchema, { server: 'time.cloudflare.com' }, 'time/time.cloudflare.com'],
];

describe('the resource of', () => {
  it.each(cases.map(one => [`${one[0]} is ${one[3]}`, ...one] as const))('%s', (_, path, desc, init, resource) => {
    expect(inspect(path, desc, init).resource).toBe(resource);
  });
});

describe('no resource, but a refusal, for', () => {
  it.each([
    ['a relative path upwards', machine('Read'), ReadRequestSchema, { path: '../etc/hosts' }, '"." or ".."'],
    ['a relative way to a process', machine('Read'), ReadRequestSchema, { path: 'proc/1/environ' }, 'below /proc'],
    ['a path upwards', machine('Read'), ReadRequestSchema, { path: '/etc/../var/x' }, '"." or ".."'],
    ['a path that ends upwards', machine('Copy'), CopyRequestSchema, { rootPath: '/etc/..' }, '"." or ".."'],
    ['a path with a dot', machine('Read'), ReadRequestSchema, { path: '/proc/./self/environ' }, '"." or ".."'],
    ['an empty segment', machine('Read'), ReadRequestSchema, { path: '//etc/hosts' }, '"//"'],
    ['two slashes at the end', machine('List'), ListRequestSchema, { root: '/etc//' }, '"//"'],
    ['a NUL byte', machine('Read'), ReadRequestSchema, { path: '/etc/hosts\0' }, 'NUL'],
    ['a process', machine('Read'), ReadRequestSchema, { path: '/proc/1/root/etc/shadow' }, 'below /proc'],
    ['a process itself', machine('List'), ListRequestSchema, { root: '/proc/17' }, 'below /proc'],
    ['the own process', machine('Read'), ReadRequestSchema, { path: '/proc/self/environ' }, 'below /proc'],
    ['the own thread', machine('Read'), ReadRequestSchema, { path: '/proc/thread-self/root/x' }, 'below /proc'],
    ['a bad path in a list', machine('DiskUsage'), DiskUsageRequestSchema, { paths: ['/a/..'] }, '"." or ".."'],
    [
      'a bad path behind a good one',
      machine('DiskUsage'),
      DiskUsageRequestSchema,
      { paths: ['/a', '/b/..'] },
      '"." or ".."',
    ],
    [
      'a disk by a detour',
      '/storage.StorageService/BlockDeviceWipe',
      BlockDeviceWipeRequestSchema,
      { devices: [{ device: '../dev/sda' }] },
      'without "."',
    ],
    [
      'a device by a detour',
      '/machine.LVMService/PhysicalVolumeRemove',
      LVMServicePhysicalVolumeRemoveRequestSchema,
      { device: '/dev/./sda' },
      'without "."',
    ],
    [
      'a bare container id',
      machine('Logs'),
      LogsRequestSchema,
      { namespace: 'k8s.io', id: hash },
      'namespace/pod:container',
    ],
    [
      'a container id with a slash too many',
      machine('Restart'),
      RestartRequestSchema,
      { namespace: 'k8s.io', id: 'a/b/c:d' },
      'namespace/pod:container',
    ],
    [
      'a registry in upper case',
      '/machine.ImageService/Pull',
      ImageServicePullRequestSchema,
      { imageRef: 'GHCR.io/a/b' },
      'lower case',
    ],
    [
      'a role in white space',
      machine('GenerateClientConfiguration'),
      GenerateClientConfigurationRequestSchema,
      { roles: [' os:admin'] },
      'letters, digits',
    ],
    [
      'an empty role',
      machine('GenerateClientConfiguration'),
      GenerateClientConfigurationRequestSchema,
      { roles: [''] },
      'letters, digits',
    ],
  ] as const)('%s', (_, path, desc: DescMessage, init, complaint) => {
    const { code, message } = refusal(() => inspect(path, desc, init));
    expect(code).toBe('denied');
    expect(message).toContain(complaint);
  });

  it.each(['/machine.ImageService/Pull', '/machine.ImageService/Remove'])(
    'a password in the image of %s, and does not repeat it',
    path => {
      const desc = path.endsWith('Pull') ? ImageServicePullRequestSchema : ImageServiceRemoveRequestSchema;
      const { code, message } = refusal(() =>
        inspect(path, desc as typeof ImageServicePullRequestSchema, { imageRef: 'bob:hunter2@ghcr.io/a/b:c' }),
      );
      expect(code).toBe('malformed-message');
      expect(message).not.toContain('hunter2');
    },
  );

  it('values that are too long for a policy to judge', () => {
    const long = (length: number) => (): unknown =>
      inspect(machine('ServiceStop'), ServiceStopRequestSchema, { id: 'x'.repeat(length) });
    expect(long(4096)()).toMatchObject({ action: 'service.stop' });
    expect(refusal(long(4097)).message).toContain('longer than 4096');
    const roles = Array.from({ length: 1000 }, (_, at) => `os:role-${at}`);
    expect(
      refusal(() =>
        inspect(machine('GenerateClientConfiguration'), GenerateClientConfigurationRequestSchema, { roles }),
      ).message,
    ).toContain('more than policy can judge');
  });
});

describe('encodeSegment', { timeout: 60_000 }, () => {
  it('leaves nothing that policy could take for a boundary or a wildcard, and loses nothing', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', minLength: 1 }).filter(text => text.isWellFormed()),
        text => {
          const segment = encodeSegment(text);
          expect(segment).toMatch(/^(?:[A-Za-z0-9._:@+=,~-]|%[0-9A-F]{2})+$/);
          expect(decodeURIComponent(segment)).toBe(text);
        },
      ),
    );
  });

  it('writes bytes in upper-case hex and an empty value as a dash', () => {
    expect(encodeSegment('a/*?%\n\u{e9}')).toBe('a%2F%2A%3F%25%0A%C3%A9');
    expect(encodeSegment('')).toBe('-');
  });
});
