import type { Clock } from '../core/clock.ts';
import type { ConfigStore } from './config/config-store.ts';
import type { SimContainer } from './containers-data.ts';
import type { ResourceStore } from './cosi/resource-store.ts';
import type { EtcdCluster } from './etcd/etcd-cluster.ts';
import type { EventLog } from './event-log.ts';
import type { FileTree } from './files/file-tree.ts';
import type { ImageStore } from './images/image-store.ts';
import type { LineLog } from './line-log.ts';
import type { Machine, MachineStage } from './machine.ts';
import type { ClusterSecrets } from './pki/cluster-secrets.ts';
import type { Power } from './power.ts';
import type { ServiceTable } from './service-table.ts';
import type { NodeSettings } from './settings.ts';
import type { VolumeGroups } from './storage/volume-groups.ts';

/** Everything a simulated node knows. Handlers read and change it; nothing in it is shared between nodes but `cluster`. */
export interface NodeState {
  readonly settings: NodeSettings;
  readonly clock: Clock;
  readonly cluster: ClusterView;
  readonly machine: Machine;
  readonly config: ConfigStore;
  readonly containers: readonly SimContainer[];
  readonly serviceLogs: ReadonlyMap<string, LineLog>;
  readonly containerLogs: ReadonlyMap<string, LineLog>;
  readonly kernelLog: LineLog;
  readonly files: FileTree;
  readonly events: EventLog;
  readonly images: ImageStore;
  readonly services: ServiceTable;
  readonly resources: ResourceStore;
  /** Shared with the other nodes of the cluster. */
  readonly etcd: EtcdCluster;
  /** Values of the META partition by key. */
  readonly meta: Map<number, Uint8Array>;
  /** Logical volumes and arrays; they outlive a reboot. */
  readonly volumes: VolumeGroups;
  readonly power: Power;
  /** True while the node answers. */
  up(): boolean;
  /** Brings the resources up to date with everything else; after any change of state. */
  publish(): void;
  /** Changes the machine's stage and tells everybody who watches. */
  setStage(stage: MachineStage, ready: boolean): void;
  /** What a boot resets: everything but the disk. */
  boot(): void;
}

/** What the nodes of a cluster know of each other. */
export interface ClusterView {
  /** All of them, the asking one included. */
  nodes(): readonly NodeState[];
  readonly etcd: EtcdCluster;
  readonly secrets: ClusterSecrets;
}
