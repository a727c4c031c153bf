import { type DescMethod, getOption } from '@bufbuild/protobuf';
import { isOlder } from '../core/talos-version.ts';
import { ClusterService } from '../gen/cluster/cluster_pb.js';
import { State } from '../gen/cosi/resource/state_pb.js';
import { InspectService } from '../gen/inspect/inspect_pb.js';
import { DebugService } from '../gen/machine/debug_pb.js';
import { ImageService } from '../gen/machine/image_pb.js';
import { LifecycleService } from '../gen/machine/lifecycle_pb.js';
import { LVMService } from '../gen/machine/lvm_pb.js';
import { MachineService } from '../gen/machine/machine_pb.js';
import { MDService } from '../gen/machine/md_pb.js';
import { StorageService as MachineStorageService } from '../gen/machine/storage_pb.js';
import { StorageService } from '../gen/storage/storage_pb.js';
import { rule } from '../gen/talosgate/options_pb.js';
import { TimeService } from '../gen/time/time_pb.js';

/** A method that a simulated node serves. */
export interface SimMethod {
  readonly path: string;
  readonly clientStreams: boolean;
  readonly serverStreams: boolean;
  /** Talos roles that may call it on a node of a version; one of them is enough. */
  readonly roles: (version: string) => readonly string[];
}

const services = [
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
];

/** Every method of the node API, from the descriptors. */
export const simMethods: readonly SimMethod[] = services.flatMap(service => service.methods.map(readMethod));

/** Full gRPC path of a method descriptor. */
export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function readMethod(method: DescMethod): SimMethod {
  return {
    path: pathOf(method),
    clientStreams: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
    serverStreams: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
    roles: version => rolesOf(method, version),
  };
}

function rolesOf(method: DescMethod, version: string): readonly string[] {
  const { talosRoles, earlierRoles } = getOption(method, rule);
  return earlierRoles.findLast(({ before }) => isOlder(version, before))?.talosRoles ?? talosRoles;
}
