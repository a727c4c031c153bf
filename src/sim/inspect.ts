import { DependencyEdgeType as Edge, InspectService } from '../gen/inspect/inspect_pb.js';
import { unary } from './handler.ts';

const edges = [
  ['config.AcquireController', Edge.OUTPUT_SHARED, 'config', 'MachineConfigs.config.talos.dev', ''],
  ['config.MachineTypeController', Edge.INPUT_WEAK, 'config', 'MachineConfigs.config.talos.dev', 'v1alpha1'],
  ['config.MachineTypeController', Edge.OUTPUT_EXCLUSIVE, 'config', 'MachineTypes.config.talos.dev', ''],
  ['network.HostnameSpecController', Edge.INPUT_STRONG, 'network', 'HostnameSpecs.net.talos.dev', ''],
  ['network.HostnameSpecController', Edge.OUTPUT_EXCLUSIVE, 'network', 'HostnameStatuses.net.talos.dev', ''],
  ['k8s.NodenameController', Edge.INPUT_WEAK, 'network', 'HostnameStatuses.net.talos.dev', 'hostname'],
  ['k8s.NodenameController', Edge.OUTPUT_EXCLUSIVE, 'k8s', 'Nodenames.kubernetes.talos.dev', ''],
  ['cluster.MemberController', Edge.INPUT_WEAK, 'cluster', 'Affiliates.cluster.talos.dev', ''],
  ['cluster.MemberController', Edge.OUTPUT_EXCLUSIVE, 'cluster', 'Members.cluster.talos.dev', ''],
] as const;

/** `talosctl inspect dependencies`: a corner of the real graph. */
export const inspectHandlers = [
  unary(InspectService.method.controllerRuntimeDependencies, () => ({
    messages: [
      {
        edges: edges.map(([controllerName, edgeType, resourceNamespace, resourceType, resourceId]) => ({
          ...{ controllerName, edgeType, resourceNamespace, resourceType, resourceId },
        })),
      },
    ],
  })),
];
