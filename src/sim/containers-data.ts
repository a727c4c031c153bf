import { createHash } from 'node:crypto';
import type { NodeSettings } from './settings.ts';

/** One container of the node, in a Kubernetes pod or of Talos itself. */
export interface SimContainer {
  readonly namespace: 'system' | 'k8s.io';
  /** What the user types: `kube-system/kube-proxy-x7k2p:kube-proxy:0123456789ab`, or `apid`. */
  readonly id: string;
  /** Pod the container stands in; equal to `id` for the pod's own sandbox. */
  readonly podId: string;
  readonly name: string;
  readonly internalId: string;
  readonly image: string;
  readonly pid: number;
  readonly status: string;
  readonly networkNamespace: string;
  /** Id that Kubernetes gave the pod; '' outside of one. */
  readonly podUid: string;
}

/** Containers of a node of this role, always the same for the same name. */
export function containersOf(settings: NodeSettings): readonly SimContainer[] {
  return [...systemContainers(settings), ...podsOf(settings).flatMap(pod => podContainers(settings, pod))];
}

interface Pod {
  readonly name: string;
  readonly containers: readonly (readonly [name: string, image: string])[];
  readonly hostNetwork: boolean;
}

function systemContainers(settings: NodeSettings): SimContainer[] {
  const names = settings.role === 'controlplane' ? ['apid', 'trustd'] : ['apid'];
  return names.map((name, index) => ({
    namespace: 'system',
    id: name,
    podId: name,
    name,
    internalId: name,
    image: '',
    pid: 1800 + index * 41,
    status: 'RUNNING',
    networkNamespace: '',
    podUid: '',
  }));
}

function podsOf({ name, role, kubernetesVersion }: NodeSettings): Pod[] {
  const k8s = (component: string) => `registry.k8s.io/${component}:v${kubernetesVersion}`;
  const everywhere: Pod[] = [
    {
      name: `kube-flannel-${suffix(name, 'flannel')}`,
      containers: [['kube-flannel', 'ghcr.io/siderolabs/flannel:v0.28.6']],
      hostNetwork: true,
    },
    {
      name: `kube-proxy-${suffix(name, 'proxy')}`,
      containers: [['kube-proxy', k8s('kube-proxy')]],
      hostNetwork: true,
    },
  ];
  const component = (part: string): Pod => ({
    name: `${part}-${name}`,
    containers: [[part, k8s(part)]],
    hostNetwork: true,
  });
  if (role === 'worker') return everywhere;
  return [
    {
      name: `coredns-5f9d6c7b4d-${suffix(name, 'dns')}`,
      containers: [['coredns', 'registry.k8s.io/coredns/coredns:v1.14.6']],
      hostNetwork: false,
    },
    component('kube-apiserver'),
    component('kube-controller-manager'),
    component('kube-scheduler'),
    ...everywhere,
  ];
}

function podContainers(settings: NodeSettings, pod: Pod): SimContainer[] {
  const podId = `kube-system/${pod.name}`;
  const podUid = uuid(settings.name + podId);
  const base = {
    namespace: 'k8s.io',
    podId,
    podUid,
    networkNamespace: pod.hostNetwork ? '' : `cni-${hex(podId, 8)}`,
  } as const;
  const sandbox: SimContainer = {
    ...base,
    id: podId,
    name: podId,
    internalId: hex(settings.name + podId, 64),
    image: 'registry.k8s.io/pause:3.10.1',
    pid: pidOf(settings.name + podId),
    status: 'SANDBOX_READY',
  };
  const containers = pod.containers.map(([name, image]) => {
    const internalId = hex(`${settings.name}${podId}${name}`, 64);
    const id = `${podId}:${name}:${internalId.slice(0, 12)}`;
    return { ...base, id, name, internalId, image, pid: pidOf(id), status: 'CONTAINER_RUNNING' };
  });
  return [sandbox, ...containers];
}

function suffix(name: string, part: string): string {
  const digits = Array.from(createHash('sha256').update(`${name}/${part}`).digest().subarray(0, 5));
  return digits.map(digit => 'bcdfghjklmnpqrst'[digit % 16]).join('');
}

function uuid(text: string): string {
  const digits = hex(`uid ${text}`, 32);
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `4${digits.slice(13, 16)}`,
    `8${digits.slice(17, 20)}`,
    digits.slice(20),
  ].join('-');
}

function pidOf(text: string): number {
  return 2000 + (parseInt(hex(text, 6), 16) % 4000);
}

function hex(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}
