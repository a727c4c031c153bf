import { applyHandlers } from './config/apply.ts';
import { stateHandlers } from './cosi/state-calls.ts';
import { debugHandlers } from './debug/container-run.ts';
import { etcdHandlers } from './etcd/etcd-calls.ts';
import { eventHandlers } from './events.ts';
import { readHandlers } from './files/read.ts';
import type { HandlerEntry } from './handler.ts';
import { imageHandlers } from './images/image-calls.ts';
import { logHandlers } from './logs.ts';
import { metaHandlers } from './meta.ts';
import { powerHandlers } from './power-calls.ts';
import { serviceHandlers } from './services.ts';
import { upgradeHandlers } from './upgrade.ts';
import { versionHandlers } from './versions.ts';

const entries: readonly HandlerEntry[] = [
  ...versionHandlers,
  ...logHandlers,
  ...applyHandlers,
  ...readHandlers,
  ...eventHandlers,
  ...powerHandlers,
  ...upgradeHandlers,
  ...imageHandlers,
  ...debugHandlers,
  ...stateHandlers,
  ...etcdHandlers,
  ...serviceHandlers,
  ...metaHandlers,
];

/** What a node does for each method, by path. A test compares the keys with the descriptors both ways. */
export const handlers: ReadonlyMap<string, HandlerEntry['handle']> = new Map(
  entries.map(entry => [entry.path, entry.handle]),
);
