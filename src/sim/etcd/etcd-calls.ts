import { EtcdMemberAlarm_AlarmType as AlarmType, MachineService } from '../../gen/machine/machine_pb.js';
import { clientStream, serverStream, unary } from '../handler.ts';
import type { NodeState } from '../node.ts';
import { assertControlPlane } from '../power-calls.ts';
import { SimStatus } from '../sim-call.ts';
import type { EtcdAlarm } from './etcd-cluster.ts';
import { snapshotChunks } from './snapshot.ts';

const version = '3.6.12';

/** `talosctl etcd`; everything here is for control-plane nodes only. */
export const etcdHandlers = [
  unary(MachineService.method.etcdMemberList, node => {
    assertControlPlane(node, 'member list');
    const { members } = node.etcd;
    return {
      messages: [
        {
          legacyMembers: members.map(member => member.name),
          members: members.map(({ id, name, address }) => ({
            ...{ id, hostname: name, isLearner: false },
            peerUrls: [`https://${address}:2380`],
            clientUrls: [`https://${address}:2379`],
          })),
        },
      ],
    };
  }),
  unary(MachineService.method.etcdRemoveMemberByID, (node, request) => {
    assertControlPlane(node, 'etcd remove member');
    if (!node.etcd.remove(request.memberId)) throw new SimStatus('NOT_FOUND', 'etcdserver: member not found');
    return { messages: [{}] };
  }),
  unary(MachineService.method.etcdLeaveCluster, node => {
    assertControlPlane(node, 'etcd leave');
    if (node.etcd.members.length === 1) {
      throw new SimStatus(
        'UNKNOWN',
        'failed to leave cluster: etcdserver: re-configuration failed due to not enough started members',
      );
    }
    node.etcd.remove(ownId(node));
    return { messages: [{}] };
  }),
  unary(MachineService.method.etcdForfeitLeadership, node => {
    assertControlPlane(node, 'etcd forfeit leadership');
    return { messages: [{ member: node.etcd.forfeit(ownId(node)) }] };
  }),
  unary(MachineService.method.etcdStatus, node => {
    assertControlPlane(node, 'etcd status');
    return { messages: [{ memberStatus: statusOf(node) }] };
  }),
  unary(MachineService.method.etcdAlarmList, node => {
    assertControlPlane(node, 'etcd alarm list');
    return { messages: [{ memberAlarms: alarmsOf(node.etcd.alarms) }] };
  }),
  unary(MachineService.method.etcdAlarmDisarm, node => {
    assertControlPlane(node, 'etcd alarm disarm');
    return { messages: [{ memberAlarms: alarmsOf(node.etcd.disarm()) }] };
  }),
  unary(MachineService.method.etcdDefragment, node => {
    assertControlPlane(node, 'etcd defragment');
    return { messages: [{}] };
  }),
  serverStream(MachineService.method.etcdSnapshot, async (node, _request, send) => {
    assertControlPlane(node, 'etcd snapshot');
    for (const bytes of snapshotChunks(node.settings.name, node.settings.snapshotBytes)) await send({ bytes });
  }),
  clientStream(MachineService.method.etcdRecover, async (node, receive) => {
    assertControlPlane(node, 'etcd recover');
    let next = await receive();
    while (next !== undefined) next = await receive();
    return { messages: [{}] };
  }),
  unary(MachineService.method.etcdDowngradeValidate, (node, request) => {
    assertControlPlane(node, 'etcd downgrade validate');
    assertDowngrade(request.version);
    return { messages: [{ clusterDowngrade: { clusterVersion: '3.6.0' } }] };
  }),
  unary(MachineService.method.etcdDowngradeEnable, (node, request) => {
    assertControlPlane(node, 'etcd downgrade enable');
    assertDowngrade(request.version);
    node.etcd.downgrade = request.version;
    return { messages: [{ clusterDowngrade: { clusterVersion: '3.6.0' } }] };
  }),
  unary(MachineService.method.etcdDowngradeCancel, node => {
    assertControlPlane(node, 'etcd downgrade cancel');
    if (node.etcd.downgrade === undefined) {
      throw new SimStatus('UNKNOWN', 'failed to query etcd status: etcdserver: no inflight downgrade');
    }
    node.etcd.downgrade = undefined;
    return { messages: [{ clusterDowngrade: { clusterVersion: '3.6.0' } }] };
  }),
];

function ownId(node: NodeState): bigint {
  return node.etcd.memberOf(node.settings.name);
}

function statusOf(node: NodeState) {
  const raftIndex = node.etcd.nextIndex();
  const dbSize = BigInt(node.settings.snapshotBytes);
  return {
    ...{ storageVersion: '3.6.0', memberId: ownId(node), protocolVersion: version, isLearner: false },
    ...{ dbSize, dbSizeInUse: (dbSize * 4n) / 5n, leader: node.etcd.leader, errors: [] },
    ...{ raftIndex, raftAppliedIndex: raftIndex, raftTerm: node.etcd.term },
  };
}

function alarmsOf(alarms: ReadonlyMap<bigint, EtcdAlarm>) {
  return [...alarms].map(([memberId, alarm]) => ({ memberId, alarm: AlarmType[alarm] }));
}

function assertDowngrade(wanted: string): void {
  if (wanted === '') throw new SimStatus('INVALID_ARGUMENT', 'version is required for etcd downgrade');
  const parts = wanted.split('.');
  if (parts.length !== 2) throw new SimStatus('INVALID_ARGUMENT', 'version should be in MAJOR.MINOR format');
  const [major, minor] = parts.map(Number);
  if (Number.isNaN(major)) throw new SimStatus('INVALID_ARGUMENT', 'major version should be a number');
  if (Number.isNaN(minor)) throw new SimStatus('INVALID_ARGUMENT', 'minor version should be a number');
  if ((major ?? 0) * 1000 + (minor ?? 0) < 3005) {
    throw new SimStatus('INVALID_ARGUMENT', 'etcd downgrade is only supported to 3.5 and later versions');
  }
  if (wanted !== '3.5') {
    throw new SimStatus('UNKNOWN', 'failed to query etcd status: etcdserver: invalid downgrade target version');
  }
}
