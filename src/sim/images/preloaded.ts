import { ContainerDriver, ContainerdNamespace } from '../../gen/common/common_pb.js';
import { containersOf } from '../containers-data.ts';
import type { NodeSettings } from '../settings.ts';
import type { InstanceChoice } from './image-store.ts';

const cri: InstanceChoice = { driver: ContainerDriver.CRI, namespace: ContainerdNamespace.NS_CRI };
const talos: InstanceChoice = { driver: ContainerDriver.CRI, namespace: ContainerdNamespace.NS_SYSTEM };

/** Images that a running node has: those of its pods, and Talos' own of kubelet and etcd. */
export function preloadedImages(settings: NodeSettings): readonly (readonly [InstanceChoice, string])[] {
  const pods = new Set(containersOf(settings).map(container => container.image));
  pods.delete('');
  const own = [`ghcr.io/siderolabs/kubelet:v${settings.kubernetesVersion}`];
  if (settings.role === 'controlplane') own.push('registry.k8s.io/etcd:v3.6.12');
  return [...[...pods].map(name => [cri, name] as const), ...own.map(name => [talos, name] as const)];
}
