import { applyHandlers } from './config/apply.ts';
import { readHandlers } from './files/read.ts';
import type { HandlerEntry } from './handler.ts';
import { logHandlers } from './logs.ts';
import { versionHandlers } from './versions.ts';

/** What a node does for each method, by path. A test compares the keys with the descriptors both ways. */
export const handlers: ReadonlyMap<string, HandlerEntry['handle']> = new Map(
  [...versionHandlers, ...logHandlers, ...applyHandlers, ...readHandlers].map(entry => [entry.path, entry.handle]),
);
