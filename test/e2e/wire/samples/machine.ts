// MachineService without etcd and images: what reads a node.
import { ContainerDriver } from '../../../../src/gen/common/common_pb.js';
import { MachineService, NetstatRequest_Filter } from '../../../../src/gen/machine/machine_pb.js';
import { sample } from '../sample.ts';

const { method } = MachineService;
const onControlPlane = { on: 'controlplane' } as const;

export const machineSamples = [
  sample(method.containers, { namespace: 'k8s.io', driver: ContainerDriver.CRI }),
  sample(method.copy, { rootPath: '/etc' }),
  sample(method.cPUFreqStats),
  sample(method.cPUInfo),
  sample(method.diskStats),
  sample(method.diskUsage, { paths: ['/etc'], recursionDepth: 2, all: true }),
  sample(method.dmesg, { follow: true }, { take: 19 }),
  // The greeting, and the last three events.
  sample(method.events, { tailEvents: 3 }, { take: 4 }),
  sample(
    method.generateClientConfiguration,
    { roles: ['os:reader'], crtTtl: { seconds: 3600n, nanos: 0 } },
    onControlPlane,
  ),
  sample(method.hostname),
  sample(method.kubeconfig, {}, onControlPlane),
  sample(method.list, { root: '/etc', recurse: true, recursionDepth: 3, reportXattrs: true }),
  sample(method.loadAvg),
  sample(method.logs, { namespace: 'system', id: 'kubelet', follow: true, tailLines: 5 }, { take: 1 }),
  sample(method.logsContainers),
  sample(method.memory),
  sample(method.mounts),
  sample(method.netstat, {
    filter: NetstatRequest_Filter.ALL,
    feature: { pid: true },
    l4proto: { tcp: true, tcp6: true, udp: true },
    netns: { hostnetwork: true },
  }),
  sample(method.networkDeviceStats),
  // The header of the file and the first packet; the second one comes a second later.
  sample(method.packetCapture, { interface: 'eth0', snapLen: 128 }, { take: 2 }),
  sample(method.processes),
  sample(method.read, { path: '/etc/os-release' }),
  sample(method.serviceList),
  sample(method.stats, { namespace: 'k8s.io', driver: ContainerDriver.CRI }),
  sample(method.systemStat),
  sample(method.version),
];
