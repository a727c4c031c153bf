import type { Clock } from '../core/clock.ts';
import { ConfigStore } from './config/config-store.ts';
import { defaultConfig } from './config/default-config.ts';
import { containersOf } from './containers-data.ts';
import { publishResources } from './cosi/publish.ts';
import { ResourceStore } from './cosi/resource-store.ts';
import { EventLog } from './event-log.ts';
import { createNodeFiles } from './files/node-files.ts';
import { ImageStore } from './images/image-store.ts';
import { preloadedImages } from './images/preloaded.ts';
import { Machine } from './machine.ts';
import type { ClusterView, NodeState } from './node.ts';
import { createLogs, restartLogs } from './node-logs.ts';
import type { Power } from './power.ts';
import { publishBoot, publishStage } from './sequences.ts';
import { ServiceTable } from './service-table.ts';
import { serviceNames } from './services-data.ts';
import type { NodeSettings } from './settings.ts';
import { VolumeGroups } from './storage/volume-groups.ts';

/**
 * Makes the state of a node that has been up for a while. Its resources appear with the first `publish`, when the
 * cluster is complete.
 */
export function createNodeState(o: {
  readonly settings: NodeSettings;
  readonly clock: Clock;
  readonly cluster: ClusterView;
  readonly power: Power;
  readonly up: () => boolean;
}): NodeState {
  const names = serviceNames(o.settings);
  const facts = { settings: o.settings, clock: o.clock };
  const machine = new Machine(o.clock, o.settings.talosVersion);
  const publish = (): void => {
    publishResources(state);
  };
  const containers = containersOf(o.settings);
  const logs = createLogs(facts, names, containers);
  const events = new EventLog(o.clock);
  const resources = new ResourceStore(o.clock);
  const services = new ServiceTable(o.clock, events, publish);
  const config = new ConfigStore(defaultConfig(o.settings, o.cluster.secrets), publish);
  const state: NodeState = {
    ...o,
    ...logs,
    ...{ machine, config, containers, events, resources, services, publish },
    etcd: o.cluster.etcd,
    meta: new Map(),
    volumes: new VolumeGroups(publish),
    images: new ImageStore(o.clock, preloadedImages(o.settings)),
    files: createNodeFiles(o.settings, () => state),
    setStage(stage, ready) {
      machine.stage = stage;
      machine.ready = ready;
      publishStage(events, stage, ready);
      publish();
    },
    boot() {
      machine.boot();
      restartLogs(logs, facts);
      events.clear();
      resources.clear();
      services.boot(names, machine.bootedAt);
      config.boot();
      publishBoot(events, names);
      state.setStage('booting', false);
      // Others list this node with its version.
      for (const other of o.cluster.nodes()) other.publish();
    },
  };
  if (o.settings.role === 'controlplane') o.cluster.etcd.join(o.settings.name, o.settings.address);
  services.boot(names, machine.bootedAt);
  publishBoot(events, names);
  publishStage(events, 'running', true);
  return state;
}
