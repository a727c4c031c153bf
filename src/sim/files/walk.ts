import { posix } from 'node:path';
import { SimStatus } from '../sim-call.ts';
import type { FileTree, SimEntry } from './file-tree.ts';

/** One entry on the way through a directory tree. */
export interface WalkItem {
  readonly path: string;
  /** Relative to the root of the walk; `.` for the root itself, the bare name when the root is a file. */
  readonly relative: string;
  readonly entry: SimEntry;
}

/** Bits of Go's `os.FileMode` that say what an entry is. */
const goDirectory = 0x8000_0000;
const goLink = 0x0800_0000;

/**
 * Goes through a tree in the order of names, parents first, as `filepath.Walk` does. `depth` counts levels below the
 * root; -1 for all. A root that is a link is followed. Throws as Go does when there is no such root.
 */
export function* walk(files: FileTree, root: string, depth: number): Generator<WalkItem, void> {
  const found = files.lookup(root, false);
  if (!found.ok) throw new SimStatus('UNKNOWN', `lstat ${root}: ${found.failure}`);
  const start = found.entry.kind === 'link' ? files.lookup(root) : found;
  if (!start.ok) throw new SimStatus('UNKNOWN', `lstat ${root}: ${start.failure}`);
  const path = found.entry.kind === 'link' ? start.path : posix.normalize(root);
  if (start.entry.kind !== 'directory') yield { path, relative: posix.basename(path), entry: start.entry };
  else yield* descend({ path, relative: '.', entry: start.entry }, path, depth, 0);
}

/** `os.FileMode` of an entry as a number. */
export function goMode(entry: SimEntry): number {
  const bits = { directory: goDirectory, link: goLink, file: 0 }[entry.kind];
  return (bits | entry.mode) >>> 0;
}

function* descend(item: WalkItem, root: string, depth: number, level: number): Generator<WalkItem, void> {
  yield item;
  if (item.entry.kind !== 'directory') return;
  // The root is always opened; below it, `depth` levels are shown.
  if (depth >= 0 && level > 0 && level >= depth) return;
  const names = [...item.entry.entries].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, entry] of names) {
    const path = posix.join(item.path, name);
    yield* descend({ path, relative: posix.relative(root, path), entry }, root, depth, level + 1);
  }
}
