import { LVMService } from '../gen/machine/lvm_pb.js';
import { MDService } from '../gen/machine/md_pb.js';
import { Disk_DiskType as DiskType, StorageService } from '../gen/storage/storage_pb.js';
import { disksOf } from './disks-data.ts';
import { unary } from './handler.ts';
import type { NodeState } from './node.ts';
import { SimStatus } from './sim-call.ts';

/** Disks, volume groups and arrays, and what wipes them. */
export const diskHandlers = [
  unary(StorageService.method.disks, node => ({
    messages: [
      {
        disks: disksOf(node.settings).map(({ name, size, model, serial, system }) => ({
          ...{ size: BigInt(size), model, deviceName: `/dev/${name}`, name, serial, type: DiskType.HDD },
          ...{ busPath: `/pci0000:00/0000:00:0${name === 'vda' ? 4 : 5}.0/virtio2/`, systemDisk: system },
          ...{ subsystem: '/sys/class/block', readonly: false, modalias: 'virtio:d00000002v00001AF4' },
        })),
      },
    ],
  })),
  unary(StorageService.method.blockDeviceWipe, (node, { devices }) => {
    for (const { device } of devices) assertWipeable(node, device);
    return { messages: [{}] };
  }),
  unary(LVMService.method.logicalVolumeRemove, (node, { volumeGroup, logicalVolume }) => {
    node.volumes.removeLogical(volumeGroup, logicalVolume);
    return {};
  }),
  unary(LVMService.method.volumeGroupRemove, (node, { volumeGroup }) => {
    node.volumes.removeGroup(volumeGroup);
    return {};
  }),
  unary(LVMService.method.physicalVolumeRemove, (node, { device }) => {
    node.volumes.removePhysical(device);
    return {};
  }),
  unary(MDService.method.destroy, (node, { device }) => {
    node.volumes.destroyArray(device);
    return {};
  }),
];

function assertWipeable(node: NodeState, device: string): void {
  const disk = disksOf(node.settings).find(({ name }) => device === name);
  if (disk === undefined) throw new SimStatus('NOT_FOUND', `blockdevice "${device}" not found`);
  if (disk.system) {
    throw new SimStatus('FAILED_PRECONDITION', `blockdevice "${device}" is in use by volume "STATE"`);
  }
}
