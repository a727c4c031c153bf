import type { Clock } from '../core/clock.ts';
import { ConfigStore } from './config/config-store.ts';
import { defaultConfig } from './config/default-config.ts';
import { containersOf } from './containers-data.ts';
import { createNodeFiles } from './files/node-files.ts';
import { Machine } from './machine.ts';
import type { ClusterView, NodeState } from './node.ts';
import { createLogs, restartLogs } from './node-logs.ts';
import type { Power } from './power.ts';
import { serviceNames } from './services-data.ts';
import type { NodeSettings } from './settings.ts';

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
