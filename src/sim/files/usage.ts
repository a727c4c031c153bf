import { type FileTree, sizeOf } from './file-tree.ts';
import { type WalkItem, walk } from './walk.ts';

export interface UsageRequest {
  /** 0 for no limit. */
  readonly recursionDepth: number;
  /** Files too, not only directories. */
  readonly all: boolean;
  /** At least so many bytes when positive, at most so many when negative. */
  readonly threshold: bigint;
}

/** Sizes with everything below included, children before their directory, as `talosctl usage` shows them. */
export function usageOf(
  files: FileTree,
  root: string,
  request: UsageRequest,
): readonly { readonly item: WalkItem; readonly size: number }[] {
  const items = [...walk(files, root, -1)];
  const sized = items.map(item => ({ item, size: totalOf(items, item) }));
  return sized.reverse().filter(({ item, size }) => isShown(item, size, request));
}

function totalOf(items: readonly WalkItem[], item: WalkItem): number {
  if (item.entry.kind !== 'directory') return sizeOf(item.entry);
  const inside = item.path === '/' ? '/' : `${item.path}/`;
  const below = items.filter(({ path }) => path.startsWith(inside) || path === item.path);
  return below.reduce((total, { entry }) => total + sizeOf(entry), 0);
}

function isShown(item: WalkItem, size: number, { recursionDepth, all, threshold }: UsageRequest): boolean {
  const depth = item.relative === '.' ? 0 : item.relative.split('/').length;
  if (recursionDepth > 0 && depth >= recursionDepth) return false;
  if (item.entry.kind !== 'directory' && !all) return false;
  const limit = Number(threshold);
  return limit >= 0 ? size >= limit : size <= -limit;
}
