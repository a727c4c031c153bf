// The small services: cluster, inspect, time, and everything about disks.
import { ClusterService } from '../../../../src/gen/cluster/cluster_pb.js';
import { InspectService } from '../../../../src/gen/inspect/inspect_pb.js';
import { LVMService } from '../../../../src/gen/machine/lvm_pb.js';
import { MDService } from '../../../../src/gen/machine/md_pb.js';
import { StorageService as MachineStorageService } from '../../../../src/gen/machine/storage_pb.js';
import { StorageService } from '../../../../src/gen/storage/storage_pb.js';
import { TimeService } from '../../../../src/gen/time/time_pb.js';
import { sample } from '../sample.ts';

const absent = {
  code: 'NOT_FOUND',
  because: 'a removal could be called once only, and these are called in every way',
} as const;

export const otherSamples = [
  // No patience: the clock of the simulated nodes stands still, so that a sick cluster would be watched for ever.
  sample(ClusterService.method.healthCheck, { waitTimeout: { seconds: 0n, nanos: 0 } }, { on: 'controlplane' }),
  sample(InspectService.method.controllerRuntimeDependencies),
  sample(TimeService.method.time),
  sample(TimeService.method.timeCheck, { server: 'pool.ntp.org' }),
];

export const diskSamples = [
  sample(StorageService.method.disks),
  sample(StorageService.method.blockDeviceWipe, { devices: [{ device: 'vdb', skipVolumeCheck: true }] }),
  sample(MachineStorageService.method.statfs, { path: '/etc' }),
  sample(LVMService.method.logicalVolumeRemove, { volumeGroup: 'data', logicalVolume: 'lv0' }, { refused: absent }),
  sample(LVMService.method.volumeGroupRemove, { volumeGroup: 'data' }, { refused: absent }),
  sample(LVMService.method.physicalVolumeRemove, { device: '/dev/vdb' }, { refused: absent }),
  sample(MDService.method.destroy, { device: '/dev/md0' }, { refused: absent }),
];
