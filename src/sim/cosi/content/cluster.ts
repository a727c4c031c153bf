import { createHash } from 'node:crypto';
import type { NodeState } from '../../node.ts';
import { type Item, kind } from './item.ts';

const machineType = { numbers: { controlplane: 2, worker: 3 } } as const;
const controlPlane = { message: { port: [1, 'int'] } } as const;

const info = kind('Infos.cluster.talos.dev', 'cluster.InfoController', {
  clusterId: [1, 'string'],
  clusterName: [2, 'string'],
});
const identity = kind('Identities.cluster.talos.dev', 'cluster.NodeIdentityController', { nodeId: [1, 'string'] });
const member = kind('Members.cluster.talos.dev', 'cluster.MemberController', {
  nodeId: [1, 'string'],
  addresses: [2, 'addresses'],
  hostname: [3, 'string'],
  machineType: [4, machineType],
  operatingSystem: [5, 'string'],
  controlPlane: [6, controlPlane],
});
const affiliate = kind('Affiliates.cluster.talos.dev', 'cluster.AffiliateMergeController', {
  nodeId: [1, 'string'],
  addresses: [2, 'addresses'],
  hostname: [3, 'string'],
  nodename: [4, 'string'],
  operatingSystem: [5, 'string'],
  machineType: [6, machineType],
  controlPlane: [8, controlPlane],
});
const etcdMember = kind('EtcdMembers.etcd.talos.dev', 'etcd.MemberController', { memberID: [1, 'string'] });

/** Who belongs to the cluster, seen from one node. */
export function clusterItems(node: NodeState): readonly Item[] {
  const { cluster } = node.settings;
  const nodes = node.cluster.nodes();
  return [
    info('current', { clusterId: digest(`cluster ${cluster}`), clusterName: cluster }),
    identity('local', { nodeId: idOf(node) }),
    ...nodes.map(other => member(other.settings.name, describe(other))),
    ...nodes.map(other => affiliate(idOf(other), { ...describe(other), nodename: other.settings.name })),
    ...(node.settings.role === 'controlplane'
      ? [etcdMember('local', { memberID: node.etcd.memberOf(node.settings.name).toString(16).padStart(16, '0') })]
      : []),
  ];
}

function describe(node: NodeState) {
  const { name, address, role } = node.settings;
  return {
    ...{ nodeId: idOf(node), addresses: [address], hostname: name, machineType: role },
    operatingSystem: `Talos (${node.machine.talosVersion})`,
    ...(role === 'controlplane' ? { controlPlane: { port: 6443 } } : {}),
  };
}

function idOf(node: NodeState): string {
  return digest(`${node.settings.cluster}/${node.settings.name}`);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').replaceAll(/[-_]/g, 'x').slice(0, 43);
}
