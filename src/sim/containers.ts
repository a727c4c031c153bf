import { ContainerDriver } from '../gen/common/common_pb.js';
import { MachineService } from '../gen/machine/machine_pb.js';
import type { SimContainer } from './containers-data.ts';
import { unary } from './handler.ts';
import type { NodeState } from './node.ts';
import { SimStatus } from './sim-call.ts';

/** `talosctl containers`, `stats` and `restart`. */
export const containerHandlers = [
  unary(MachineService.method.containers, (node, { namespace, driver }) => {
    const containers = inspect(node, namespace, driver).map(container => ({
      ...{ namespace, id: container.id, podId: container.podId, name: container.name, image: container.image },
      ...{ internalId: container.internalId, pid: container.pid, status: container.status },
      ...{
        uid: container.id === container.podId ? container.podUid : '',
        networkNamespace: container.networkNamespace,
      },
    }));
    return { messages: [{ containers }] };
  }),
  unary(MachineService.method.stats, (node, { namespace, driver }) => {
    const stats = inspect(node, namespace, driver).map(({ id, podId, name, pid }) => ({
      ...{ namespace, id, podId, name },
      memoryUsage: BigInt(4_000_000 + pid * 9000),
      cpuUsage: BigInt(Math.floor(node.machine.uptime * pid * 1000)),
    }));
    return { messages: [{ stats }] };
  }),
  unary(MachineService.method.restart, (node, { namespace, id, driver }) => {
    const container = inspect(node, namespace, driver).find(one => one.id === id);
    if (container === undefined) throw new SimStatus('UNKNOWN', `container "${id}" not found`);
    node.containerLogs.get(id)?.append('received SIGTERM, shutting down');
    return { messages: [{}] };
  }),
];

/** Containers that a driver shows in a namespace; refuses what a real node refuses. */
function inspect(node: NodeState, namespace: string, driver: ContainerDriver): readonly SimContainer[] {
  if (namespace === '') throw new SimStatus('INVALID_ARGUMENT', "namespace can't be empty");
  if (driver === ContainerDriver.CRI && namespace !== 'k8s.io') {
    throw new SimStatus('UNKNOWN', 'CRI inspector is supported only for K8s namespace');
  }
  if (![ContainerDriver.CRI, ContainerDriver.CONTAINERD].includes(driver)) {
    throw new SimStatus('INVALID_ARGUMENT', `unsupported driver "${String(driver)}"`);
  }
  return node.containers.filter(container => container.namespace === namespace);
}
