import { createHash } from 'node:crypto';
import type { SimContainer } from '../containers-data.ts';
import type { NodeState } from '../node.ts';

/** An object of the Kubernetes API, as JSON. */
export interface KubernetesObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly [key: string]: unknown;
  };
  readonly [key: string]: unknown;
}

const staticPods = new Set(['kube-apiserver', 'kube-controller-manager', 'kube-scheduler']);

/** The node as the kubelet reports it: ready while it is up and its kubelet runs. */
export function nodeObject(node: NodeState, cordoned: boolean): KubernetesObject {
  const { name, address, role, kubernetesVersion } = node.settings;
  const ready = isReady(node) ? 'True' : 'False';
  const controlPlane: Record<string, string> =
    role === 'controlplane' ? { 'node-role.kubernetes.io/control-plane': '' } : {};
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      uid: uid(name),
      resourceVersion: '1',
      labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', ...controlPlane },
    },
    spec: cordoned ? { unschedulable: true } : {},
    status: {
      addresses: [
        { type: 'InternalIP', address },
        { type: 'Hostname', address: name },
      ],
      conditions: [
        { type: 'Ready', status: ready, reason: 'KubeletReady', message: 'kubelet is posting ready status' },
      ],
      nodeInfo: {
        kubeletVersion: `v${kubernetesVersion}`,
        osImage: `Talos (${node.machine.talosVersion})`,
        ...{ operatingSystem: 'linux', architecture: 'amd64', kernelVersion: '6.18.44-talos' },
        containerRuntimeVersion: 'containerd://2.2.4',
      },
    },
  };
}

/** The pods of a node, from its containers. */
export function podObjects(node: NodeState): KubernetesObject[] {
  const pods = Map.groupBy(
    node.containers.filter(({ namespace }) => namespace === 'k8s.io'),
    ({ podId }) => podId,
  );
  return [...pods].map(([podId, containers]) => podObject(node, podId, containers));
}

/** The sets that have one pod on each node. */
export function daemonSets(nodes: readonly NodeState[]): KubernetesObject[] {
  const ready = nodes.filter(isReady).length;
  return ['kube-proxy', 'kube-flannel'].map(name => ({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name, namespace: 'kube-system', uid: uid(name), labels: { 'k8s-app': name } },
    spec: { selector: { matchLabels: { 'k8s-app': name } }, template: {} },
    status: {
      ...{ currentNumberScheduled: nodes.length, desiredNumberScheduled: nodes.length, numberMisscheduled: 0 },
      ...{ numberAvailable: ready, numberReady: ready },
    },
  }));
}

/** The deployment with one pod on each control-plane node. */
export function deployments(nodes: readonly NodeState[]): KubernetesObject[] {
  const replicas = nodes.filter(({ settings }) => settings.role === 'controlplane').length;
  const labels = { 'k8s-app': 'kube-dns' };
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'coredns', namespace: 'kube-system', uid: uid('coredns'), labels },
      spec: { replicas, selector: { matchLabels: labels }, template: {} },
      status: { replicas, readyReplicas: replicas, availableReplicas: replicas },
    },
  ];
}

function podObject(node: NodeState, podId: string, containers: readonly SimContainer[]): KubernetesObject {
  const [namespace = '', name = ''] = podId.split('/');
  const inside = containers.filter(({ id }) => id !== podId);
  const app = inside[0]?.name ?? name;
  const ready = isReady(node) ? 'True' : 'False';
  const conditions = ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...{ name, namespace, uid: uid(podId), labels: { 'k8s-app': app === 'coredns' ? 'kube-dns' : app } },
      ...(staticPods.has(app) ? { annotations: { 'kubernetes.io/config.mirror': uid(podId) } } : {}),
      ...ownerOf(app),
    },
    spec: { nodeName: node.settings.name, containers: inside.map(one => ({ name: one.name, image: one.image })) },
    status: {
      phase: 'Running',
      podIP: node.settings.address,
      conditions: conditions.map(type => ({ type, status: ready })),
      containerStatuses: inside.map(one => ({
        ...{ name: one.name, image: one.image, ready: ready === 'True', restartCount: 0 },
        containerID: `containerd://${one.internalId}`,
      })),
    },
  };
}

function ownerOf(app: string): object {
  if (staticPods.has(app)) return {};
  const [kind, name] = app === 'coredns' ? ['ReplicaSet', 'coredns-5f9d6c7b4d'] : ['DaemonSet', app];
  return { ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: uid(name), controller: true }] };
}

function isReady(node: NodeState): boolean {
  return node.up() && node.machine.ready && node.services.resourceOf('kubelet').running;
}

/** The same name has the same id in every run. */
function uid(name: string): string {
  const hex = createHash('sha256').update(`uid ${name}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
