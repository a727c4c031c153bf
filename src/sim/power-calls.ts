import { MachineService } from '../gen/machine/machine_pb.js';
import { unary } from './handler.ts';
import { randomUuid } from './ids.ts';
import type { NodeState } from './node.ts';
import { SimStatus } from './sim-call.ts';

const systemPartitions = new Set(['EFI', 'BIOS', 'BOOT', 'META', 'STATE', 'EPHEMERAL']);

/** Reboot, shutdown, reset and rollback: answered at once, carried out in the node's own time. */
export const powerHandlers = [
  unary(MachineService.method.reboot, node => {
    const actorId = randomUuid(node.clock);
    node.power.reboot(actorId);
    return { messages: [{ actorId }] };
  }),
  unary(MachineService.method.shutdown, node => {
    const actorId = randomUuid(node.clock);
    node.power.off(actorId, 'shutdown');
    return { messages: [{ actorId }] };
  }),
  unary(MachineService.method.reset, (node, request) => {
    for (const { label } of request.systemPartitionsToWipe) {
      if (!systemPartitions.has(label)) {
        throw new SimStatus(
          'UNKNOWN',
          `failed to get volume status with label "${label}": resource VolumeStatuses.block.talos.dev(runtime/${label}@undefined) doesn't exist`,
        );
      }
    }
    for (const device of request.userDisksToWipe) assertUserDisk(device);
    const actorId = randomUuid(node.clock);
    if (request.reboot) node.power.reboot(actorId, 'reset');
    else node.power.off(actorId, 'reset');
    return { messages: [{ actorId }] };
  }),
  unary(MachineService.method.rollback, node => {
    if (node.machine.previousVersion === undefined) throw noPrevious();
    node.machine.nextVersion = node.machine.previousVersion;
    node.power.reboot('');
    return { messages: [{}] };
  }),
  unary(MachineService.method.bootstrap, node => {
    assertControlPlane(node, 'bootstrap');
    throw new SimStatus('ALREADY_EXISTS', 'etcd data directory is not empty');
  }),
];

/** Throws as a worker does for what only control-plane nodes can do. */
export function assertControlPlane(node: NodeState, what: string): void {
  if (node.settings.role === 'controlplane') return;
  throw new SimStatus('UNIMPLEMENTED', `${what} is only available on control plane nodes`);
}

function assertUserDisk(device: string): void {
  if (device === '/dev/vda')
    throw new SimStatus('UNKNOWN', `reset user disk failed: device ${device} is the system disk`);
  if (device !== '/dev/vdb') throw new SimStatus('UNKNOWN', `reset user disk failed: device ${device} wasn't found`);
}

function noPrevious(): SimStatus {
  return new SimStatus('UNKNOWN', 'failed to revert: no previous boot entry found');
}
