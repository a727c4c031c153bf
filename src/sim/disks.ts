import { LVMService } from '../gen/machine/lvm_pb.js';
import { MDService } from '../gen/machine/md_pb.js';
import { Disk_DiskType as DiskType, StorageService } from '../gen/storage/storage_pb.js';
import { disksOf } from './disks-data.ts';
import { unary } from './handler.ts';
import type { NodeState } from './node.ts';
import { SimStatus } from './sim-call.ts';

/** Disks, and what wipes them. A node has no volume groups and no arrays, so there is nothing to remove. */
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
  unary(LVMService.method.logicalVolumeRemove, (_node, request) => {
    throw new SimStatus('NOT_FOUND', `logical volume "${request.volumeGroup}/${request.logicalVolume}" not found`);
  }),
  unary(LVMService.method.volumeGroupRemove, (_node, request) => {
    throw new SimStatus('NOT_FOUND', `volume group "${request.volumeGroup}" not found`);
  }),
  unary(LVMService.method.physicalVolumeRemove, (_node, request) => {
    throw new SimStatus('NOT_FOUND', `physical volume "${request.device}" not found`);
  }),
  unary(MDService.method.destroy, (_node, request) => {
    throw new SimStatus('NOT_FOUND', `array "${request.device}" not found`);
  }),
];

function assertWipeable(node: NodeState, device: string): void {
  const disk = disksOf(node.settings).find(({ name }) => device === name);
  if (disk === undefined) throw new SimStatus('NOT_FOUND', `blockdevice "${device}" not found`);
  if (disk.system) {
    throw new SimStatus('FAILED_PRECONDITION', `blockdevice "${device}" is in use by volume "STATE"`);
  }
}
