import type { Clock } from '../core/clock.ts';
import type { SimNode } from './control.ts';
import { EtcdCluster } from './etcd/etcd-cluster.ts';
import type { ClusterView } from './node.ts';
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
}): Promise<SimCluster> {
  const tap = new RawHeaderTap();
  const running: RunningNode[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(running.map(node => node.close()));
    tap.close();
  };
  const clusters = new Map<string, Omit<ClusterView, 'nodes'>>();
  for (const settings of o.nodes) {
    const peers = (): readonly RunningNode[] =>
      running.filter(node => node.state.settings.cluster === settings.cluster);
    const shared = clusters.get(settings.cluster) ?? {
      etcd: new EtcdCluster(),
      secrets: createClusterSecrets(o.clock),
    };
    clusters.set(settings.cluster, shared);
    running.push(createSimNode({ settings, clock: o.clock, tap, peers, shared }));
  }
  for (const node of running) node.state.publish();
  try {
    await Promise.all(running.map(node => node.start()));
  } catch (error) {
    await close();
    throw error;
  }
  return { nodes: running.map(node => node.view), close };
}
