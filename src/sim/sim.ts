import type { Clock } from '../core/clock.ts';
import type { SimNode } from './control.ts';
import { EtcdCluster } from './etcd/etcd-cluster.ts';
import { type KubernetesApi, startKubernetesApi } from './kubernetes/api-server.ts';
import { createClusterSecrets } from './pki/cluster-secrets.ts';
import { RawHeaderTap } from './raw-headers.ts';
import type { SimNodeSettings } from './settings.ts';
import { createSimNode, type RunningNode } from './sim-node.ts';

export type { RecordedCall } from './call-log.ts';
export type { SimNode } from './control.ts';
export type { SimNodeSettings, SimTiming } from './settings.ts';

/** Simulated nodes of one process; they may belong to several clusters. */
export interface SimCluster {
  readonly nodes: readonly SimNode[];
  close(): Promise<void>;
}

/** Starts the nodes. Rejects, with everything closed again, when one cannot listen. */
export async function startSimCluster(o: {
  readonly clock: Clock;
  readonly nodes: readonly SimNodeSettings[];
  /** With a Kubernetes API for each cluster, on a free port of loopback. Default without. */
  readonly kubernetes?: boolean;
}): Promise<SimCluster> {
  const tap = new RawHeaderTap();
  const running: RunningNode[] = [];
  const apis: KubernetesApi[] = [];
  const close = async (): Promise<void> => {
    await Promise.all([...running, ...apis].map(one => one.close()));
    tap.close();
  };
  try {
    const clusters = new Map<string, Omit<Parameters<typeof createSimNode>[0], 'settings'>>();
    const endpoints = new Map<string, string>();
    for (const name of new Set(o.nodes.map(({ cluster }) => cluster))) {
      const peers = (): readonly RunningNode[] => running.filter(node => node.state.settings.cluster === name);
      const secrets = createClusterSecrets(o.clock);
      clusters.set(name, { clock: o.clock, tap, peers, shared: { etcd: new EtcdCluster(), secrets } });
      if (o.kubernetes !== true) continue;
      const api = await startKubernetesApi({ secrets, nodes: () => peers().map(({ state }) => state) });
      apis.push(api);
      endpoints.set(name, api.endpoint);
    }
    for (const asked of o.nodes) {
      const kubernetesEndpoint = endpoints.get(asked.cluster);
      const settings = kubernetesEndpoint === undefined ? asked : { kubernetesEndpoint, ...asked };
      const cluster = clusters.get(asked.cluster);
      if (cluster !== undefined) running.push(createSimNode({ ...cluster, settings }));
    }
    for (const node of running) node.state.publish();
    await Promise.all(running.map(node => node.start()));
  } catch (error) {
    await close();
    throw error;
  }
  return { nodes: running.map(node => node.view), close };
}
