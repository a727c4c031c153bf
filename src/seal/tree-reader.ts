import { foldPerfect, type Hash, leafHash } from '../tlog/merkle.ts';
import type { SubtreeReader } from '../tlog/proof.ts';
import { TileBuilder } from '../tlog/tiles.ts';

/** Hashes that a log keeps: leaves, and the full tiles above them. */
export interface TileSource {
  /** Leaves `from` up to `to` (excluded), fewer where the log has fewer. */
  leaves(from: number, to: number): Promise<readonly Hash[]>;
  /** The 256 hashes of a full tile, or what there is of the unfinished one where such are kept. */
  tile(level: number, n: number): Promise<readonly Hash[] | undefined>;
}

const width = 256;
/** Tiles kept at hand; a proof needs about one for each eight levels, and its neighbours. */
const maxTiles = 64;

/**
 * Reads any perfect subtree from full tiles. What has no full tile is put together from the tiles below, down to the
 * leaves. Rejects with Error when the log lacks what is needed.
 */
export function createSubtreeReader(source: TileSource): SubtreeReader {
  const tiles = new Map<string, readonly Hash[]>();

  const tileOf = async (level: number, n: number): Promise<readonly Hash[] | undefined> => {
    const key = `${level}/${n}`;
    const known = tiles.get(key);
    if (known !== undefined) return known;
    const found = await source.tile(level, n);
    if (found === undefined) return undefined;
    if (tiles.size >= maxTiles) tiles.delete(tiles.keys().next().value ?? '');
    tiles.set(key, found);
    return found;
  };

  /** `count` hashes of a tile level, from `first` on; they never cross the end of a tile. */
  const hashes = async (level: number, first: number, count: number): Promise<readonly Hash[]> => {
    const whole = await tileOf(level, Math.floor(first / width));
    const at = first % width;
    if (whole !== undefined && whole.length >= at + count) return whole.slice(at, at + count);
    if (level === 0) return await source.leaves(first, first + count);
    const roots: Hash[] = [];
    for (let n = first; n < first + count; n++) {
      const below = await hashes(level - 1, n * width, width);
      if (below.length !== width) throw new Error(`the log lacks tile ${level - 1}/${n}`);
      roots.push(foldPerfect(below));
    }
    return roots;
  };

  return async (level, index) => {
    const count = 2 ** (level % 8);
    const found = await hashes(Math.floor(level / 8), index * count, count);
    if (found.length !== count) throw new Error(`the log lacks records from ${index * 2 ** level} on`);
    return foldPerfect(found);
  };
}

/** A tile builder that goes on at `size`: reads the unfinished tile of each level. */
export async function readTileBuilder(source: TileSource, size: number): Promise<TileBuilder> {
  const read = createSubtreeReader(source);
  const partial: Hash[][] = [];
  for (let level = 0; width ** level <= size; level++) {
    const end = Math.floor(size / width ** level);
    const hashes: Hash[] = [];
    for (let at = end - (end % width); at < end; at++) hashes.push(await read(level * 8, at));
    partial.push(hashes);
  }
  return new TileBuilder(size, partial);
}

/** The leaves that the bodies have, whatever the stored hash of a record says. */
export function leavesOf(entries: readonly { readonly body: Buffer }[]): Hash[] {
  return entries.map(({ body }) => leafHash(body));
}
