import type { Clock } from '../core/clock.ts';
import type { ConfigStore } from './config/config-store.ts';
import type { SimContainer } from './containers-data.ts';
import type { EventLog } from './event-log.ts';
import type { FileTree } from './files/file-tree.ts';
import type { ImageStore } from './images/image-store.ts';
import type { LineLog } from './line-log.ts';
import type { Machine, MachineStage } from './machine.ts';
import type { Power } from './power.ts';
import type { NodeSettings } from './settings.ts';

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
  readonly power: Power;
  /** Changes the machine's stage and tells everybody who watches. */
  setStage(stage: MachineStage, ready: boolean): void;
  /** What a boot resets: everything but the disk. */
  boot(): void;
}

/** The other nodes, as far as one node's answers speak of them. */
export interface ClusterView {
  nodes(): readonly NodeState[];
}
