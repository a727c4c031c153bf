import type { Clock } from '../core/clock.ts';
import { ConfigStore } from './config/config-store.ts';
import { defaultConfig } from './config/default-config.ts';
import { containersOf, type SimContainer } from './containers-data.ts';
import type { FileTree } from './files/file-tree.ts';
import { createNodeFiles } from './files/node-files.ts';
import type { LineLog } from './line-log.ts';
import { Machine } from './machine.ts';
import { createLogs, restartLogs } from './node-logs.ts';
import type { Power } from './power.ts';
import { serviceNames } from './services-data.ts';
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
  readonly power: Power;
  /** What a boot resets: everything but the disk. */
  boot(): void;
}

/** The other nodes, as far as one node's answers speak of them. */
export interface ClusterView {
  nodes(): readonly NodeState[];
}

/** Makes the state of a node that has been up for a while. */
export function createNodeState(o: {
  readonly settings: NodeSettings;
  readonly clock: Clock;
  readonly cluster: ClusterView;
  readonly power: Power;
}): NodeState {
  const facts = { settings: o.settings, clock: o.clock };
  const machine = new Machine(o.clock, o.settings.talosVersion);
  const config = new ConfigStore(defaultConfig(o.settings, o.clock), () => undefined);
  const containers = containersOf(o.settings);
  const logs = createLogs(facts, serviceNames(o.settings), containers);
  const state: NodeState = {
    ...o,
    ...logs,
    machine,
    config,
    containers,
    files: createNodeFiles(o.settings, () => state),
    boot() {
      machine.boot();
      config.boot();
      restartLogs(logs, facts);
    },
  };
  return state;
}
