import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { GateError } from '../core/gate-error.ts';
import type { CallKind, Method, Risk } from '../core/method.ts';
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
import { TimeService } from '../gen/time/time_pb.js';
import { readAnnotation } from './annotation.ts';
import { compileMethodPlan, rememberPlan } from './method-plan.ts';
import { raises } from './raise.ts';
import { delicateTypes, sensitiveTypes } from './sensitive-types.ts';

/** An action as policy knows it. `area` is the part before the first dot. */
interface Action {
  readonly risk: Risk;
  readonly area: string;
}

/** What can be called: the node API as the annotations in `proto/` describe it. */
export interface Catalog {
  /** The method behind a gRPC path; undefined means that the call is to be refused. */
  lookup(path: string): Method | undefined;
  readonly methods: readonly Method[];
  /** Every action there is, those that only content raises a call to included. */
  readonly actions: ReadonlyMap<string, Action>;
  /** COSI types whose reading is `resource.get-sensitive`. */
  readonly sensitiveTypes: readonly string[];
  /** COSI types that stay `resource.get` but that policy lint should warn about. */
  readonly delicateTypes: readonly string[];
}

/** The services that apid serves on port 50000. trustd's and the image signer's are not among them on purpose. */
const servedServices: readonly DescService[] = [
  ClusterService,
  DebugService,
  ImageService,
  InspectService,
  LifecycleService,
  LVMService,
  MachineService,
  MachineStorageService,
  MDService,
  State,
  StorageService,
  TimeService,
];

/**
 * Builds the catalog from the annotations. Throws one GateError `bad-config` that lists every method whose annotation
 * is missing, incomplete or does not fit its request: a gateway with a hole in its catalog must not start.
 */
export function createCatalog(services: readonly DescService[] = servedServices): Catalog {
  const complaints: string[] = [];
  const methods: Method[] = [];
  for (const method of services.flatMap(service => service.methods)) {
    try {
      methods.push(describeMethod(method));
    } catch (error) {
      complaints.push(`${pathOf(method)}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const actions = collectActions(methods, complaints);
  if (complaints.length > 0) {
    throw new GateError('bad-config', `the annotations in proto/ are not complete:\n${complaints.join('\n')}`);
  }
  const byPath = new Map(methods.map(method => [method.path, method]));
  return { lookup: path => byPath.get(path), methods, actions, sensitiveTypes, delicateTypes };
}

function describeMethod(desc: DescMethod): Method {
  const annotation = readAnnotation(desc);
  const method: Method = {
    path: pathOf(desc),
    service: desc.parent.typeName,
    name: desc.name,
    kind: kinds[desc.methodKind],
    action: annotation.action,
    risk: annotation.risk,
    leastRole: annotation.leastRole,
    earlierRoles: annotation.earlierRoles,
    aggregates: annotation.aggregates,
    approvalFloor: annotation.approvalFloor,
    since: annotation.since,
  };
  rememberPlan(method, compileMethodPlan(desc, annotation));
  return Object.freeze(method);
}

const pathOf = (method: DescMethod): string => `/${method.parent.typeName}/${method.name}`;

const kinds = {
  unary: 'unary',
  client_streaming: 'client-streaming',
  server_streaming: 'server-streaming',
  bidi_streaming: 'bidi-streaming',
} as const satisfies Record<DescMethod['methodKind'], CallKind>;

/** Several methods may share an action, but then they are equally harmful. */
function collectActions(methods: readonly Method[], complaints: string[]): ReadonlyMap<string, Action> {
  const actions = new Map<string, Action>();
  for (const { action, risk } of [...methods, ...[...raises.values()].map(raise => raise.to)]) {
    const [area = action] = action.split('.', 1);
    const before = actions.get(action);
    if (before !== undefined && before.risk !== risk)
      complaints.push(`action ${action} has the risks ${before.risk} and ${risk}`);
    actions.set(action, { risk, area });
  }
  return actions;
}
