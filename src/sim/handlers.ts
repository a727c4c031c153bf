import { applyHandlers } from './config/apply.ts';
import { containerHandlers } from './containers.ts';
import { stateHandlers } from './cosi/state-calls.ts';
import { credentialHandlers } from './credentials.ts';
import { debugHandlers } from './debug/container-run.ts';
import { diskHandlers } from './disks.ts';
import { etcdHandlers } from './etcd/etcd-calls.ts';
import { eventHandlers } from './events.ts';
import { fileHandlers } from './files/file-calls.ts';
import type { HandlerEntry } from './handler.ts';
import { healthHandlers } from './health.ts';
import { imageHandlers } from './images/image-calls.ts';
import { inspectHandlers } from './inspect.ts';
import { logHandlers } from './logs.ts';
import { metaHandlers } from './meta.ts';
import { captureHandlers } from './packet-capture.ts';
import { powerHandlers } from './power-calls.ts';
import { serviceHandlers } from './services.ts';
import { netstatHandlers } from './stats/netstat.ts';
import { processHandlers } from './stats/processes.ts';
import { statHandlers } from './stats/stats.ts';
import { timeHandlers } from './time.ts';
import { upgradeHandlers } from './upgrade.ts';
import { versionHandlers } from './versions.ts';

const entries: readonly HandlerEntry[] = [
  ...applyHandlers,
  ...captureHandlers,
  ...containerHandlers,
  ...credentialHandlers,
  ...debugHandlers,
  ...diskHandlers,
  ...etcdHandlers,
  ...eventHandlers,
  ...fileHandlers,
  ...healthHandlers,
  ...imageHandlers,
  ...inspectHandlers,
  ...logHandlers,
  ...metaHandlers,
  ...netstatHandlers,
  ...powerHandlers,
  ...processHandlers,
  ...serviceHandlers,
  ...statHandlers,
  ...stateHandlers,
  ...timeHandlers,
  ...upgradeHandlers,
  ...versionHandlers,
];

/** What a node does for each method, by path. A test compares the keys with the descriptors both ways. */
export const handlers: ReadonlyMap<string, HandlerEntry['handle']> = new Map(
  entries.map(entry => [entry.path, entry.handle]),
);
