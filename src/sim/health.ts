import { ClusterService } from '../gen/cluster/cluster_pb.js';
import { serverStream } from './handler.ts';
import type { NodeState } from './node.ts';
import { assertControlPlane } from './power-calls.ts';
import { assertRole } from './roles.ts';
import { pause, SimStatus } from './sim-call.ts';

/** Checks in the order of a real node (talos pkg/cluster/check). */
const checks = [
  'etcd to be healthy',
  'etcd members to be consistent across nodes',
  'etcd members to be control plane nodes',
  'apid to be ready',
  'all nodes memory sizes',
  'all nodes disk sizes',
  'no diagnostics',
  'kubelet to be healthy',
  'all nodes to finish boot sequence',
  'all k8s nodes to report',
  'all control plane static pods to be running',
  'all control plane components to be ready',
  'all k8s nodes to report ready',
  'kube-proxy to report ready',
  'coredns to report ready',
  'all k8s nodes to report schedulable',
] as const;

/**
 * `talosctl health` on the server. The rule admits readers, but the checks need kubeconfig and machine configuration,
 * so that only os:admin gets through (talos.md 5.1).
 */
export const healthHandlers = [
  serverStream(ClusterService.method.healthCheck, async (node, request, send, call) => {
    assertControlPlane(node, 'cluster health check');
    const named = [...(request.clusterInfo?.controlPlaneNodes ?? []), ...(request.clusterInfo?.workerNodes ?? [])];
    const all = node.cluster.nodes();
    const nodes = named.length === 0 ? all : all.filter(({ settings }) => named.includes(settings.address));
    const list = (named.length === 0 ? nodes.map(({ settings }) => settings.address) : named)
      .map(address => JSON.stringify(address))
      .join(' ');
    await send({ message: `discovered nodes: [${list}]` });
    assertRole(['os:admin'], call.roles);
    const timeout = request.waitTimeout === undefined ? 0 : Number(request.waitTimeout.seconds) * 1000;
    const deadline = node.clock.now() + timeout;
    for (const check of checks) {
      await send({ message: `waiting for ${check}: ...` });
      for (let trouble = troubleWith(check, nodes); trouble !== undefined; trouble = troubleWith(check, nodes)) {
        if (node.clock.now() >= deadline)
          throw new SimStatus('UNKNOWN', 'healthcheck error: context deadline exceeded');
        await send({ message: `waiting for ${check}: ${trouble}` });
        await pause(Math.max(node.settings.timing.step, 20), call.signal);
      }
      await pause(node.settings.timing.step / 4, call.signal);
      await send({ message: `waiting for ${check}: OK` });
    }
  }),
];

/** What keeps a check from passing. */
function troubleWith(check: (typeof checks)[number], nodes: readonly NodeState[]): string | undefined {
  const away = nodes.find(node => !node.up());
  if (check === 'apid to be ready' && away !== undefined) {
    return `1 error occurred:\n\t* ${away.settings.address}: rpc error: code = Unavailable desc = connection refused`;
  }
  const unready = nodes.find(({ machine }) => !machine.ready);
  if (check === 'all nodes to finish boot sequence' && unready !== undefined) {
    return `1 error occurred:\n\t* ${unready.settings.address}: machine is not ready`;
  }
  return undefined;
}
