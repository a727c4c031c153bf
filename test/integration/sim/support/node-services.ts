import { ClusterService } from '../../../../src/gen/cluster/cluster_pb.js';
import { State } from '../../../../src/gen/cosi/resource/state_pb.js';
import { InspectService } from '../../../../src/gen/inspect/inspect_pb.js';
import { DebugService } from '../../../../src/gen/machine/debug_pb.js';
import { ImageService } from '../../../../src/gen/machine/image_pb.js';
import { LifecycleService } from '../../../../src/gen/machine/lifecycle_pb.js';
import { LVMService } from '../../../../src/gen/machine/lvm_pb.js';
import { MachineService } from '../../../../src/gen/machine/machine_pb.js';
import { MDService } from '../../../../src/gen/machine/md_pb.js';
import { StorageService as MachineStorageService } from '../../../../src/gen/machine/storage_pb.js';
import { StorageService } from '../../../../src/gen/storage/storage_pb.js';
import { TimeService } from '../../../../src/gen/time/time_pb.js';

/** Every service of the node API. */
export const nodeServices = [
  MachineService,
  ImageService,
  LifecycleService,
  DebugService,
  LVMService,
  MDService,
  MachineStorageService,
  StorageService,
  ClusterService,
  InspectService,
  TimeService,
  State,
] as const;
