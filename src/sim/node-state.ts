import type { Clock } from '../core/clock.ts';
import { ConfigStore } from './config/config-store.ts';
import { defaultConfig } from './config/default-config.ts';
import { containersOf } from './containers-data.ts';
import { EventLog } from './event-log.ts';
import { createNodeFiles } from './files/node-files.ts';
import { ImageStore } from './images/image-store.ts';
import { preloadedImages } from './images/preloaded.ts';
import { Machine } from './machine.ts';
import type { ClusterView, NodeState } from './node.ts';
import { createLogs, restartLogs } from './node-logs.ts';
import type { Power } from './power.ts';
import { publishBoot, publishStage } from './sequences.ts';
import { serviceNames } from './services-data.ts';
import type { NodeSettings } from './settings.ts';

/** Makes the state of a node that has been up for a while. */
export function createNodeState(o: {
  readonly settings: NodeSettings;
  readonly clock: Clock;
  readonly cluster: ClusterView;
  readonly power: Power;
}): NodeState {
  const services = serviceNames(o.settings);
  const facts = { settings: o.settings, clock: o.clock };
  const machine = new Machine(o.clock, o.settings.talosVersion);
  const config = new ConfigStore(defaultConfig(o.settings, o.clock), () => undefined);
  const containers = containersOf(o.settings);
  const logs = createLogs(facts, services, containers);
  const events = new EventLog(o.clock);
  const state: NodeState = {
    ...o,
    ...logs,
    machine,
    config,
    containers,
    events,
    images: new ImageStore(o.clock, preloadedImages(o.settings)),
    files: createNodeFiles(o.settings, () => state),
    setStage(stage, ready) {
      machine.stage = stage;
      machine.ready = ready;
      publishStage(events, stage, ready);
    },
    boot() {
      machine.boot();
      config.boot();
      restartLogs(logs, facts);
      events.clear();
      state.setStage('booting', false);
      publishBoot(events, services);
    },
  };
  publishBoot(events, services);
  state.setStage('running', true);
  return state;
}
