import { foldPerfect, type Hash, hashBytes, splitHashes } from './merkle.ts';

/** Hashes in a full tile (C2SP tlog-tiles); a tile spans eight levels of the tree. */
const tileWidth = 256;

/** A full tile: 256 hashes. Level 0 holds leaves; a hash above stands for a full tile of the level below. */
export interface Tile {
  readonly level: number;
  readonly index: number;
  readonly hashes: Buffer;
}

/** Puts leaves together to tiles. Holds what is not full yet. */
export class TileBuilder {
  /** By level, the hashes of the tile that is being filled. */
  readonly #partial: Hash[][];
  /** By level, how many tiles are full. */
  readonly #full: number[];

  /** Goes on at `size` leaves; `partial` are the hashes of each level's unfinished tile, from level 0 up. */
  constructor(size = 0, partial: readonly (readonly Hash[])[] = []) {
    this.#partial = partial.map(hashes => [...hashes]);
    this.#full = partial.map((_, level) => Math.floor(size / tileWidth ** (level + 1)));
  }

  /** Adds a leaf and gives the tiles that it filled, lowest first. */
  append(leaf: Hash): Tile[] {
    const filled: Tile[] = [];
    let hash = leaf;
    for (let level = 0; ; level++) {
      this.#partial[level] ??= [];
      const partial = this.#partial[level] ?? [];
      partial.push(hash);
      if (partial.length < tileWidth) return filled;
      const index = this.#full[level] ?? 0;
      filled.push({ level, index, hashes: Buffer.concat(partial) });
      hash = foldPerfect(partial);
      this.#full[level] = index + 1;
      this.#partial[level] = [];
    }
  }

  /** The unfinished tiles, lowest first; none is empty. */
  partial(): Tile[] {
    return this.#partial.flatMap((hashes, level) =>
      hashes.length === 0 ? [] : [{ level, index: this.#full[level] ?? 0, hashes: Buffer.concat(hashes) }],
    );
  }
}

/** Root over a full tile, which is one hash of the level above. */
export function tileRoot(hashes: Buffer): Hash {
  return foldPerfect(splitHashes(hashes));
}

/**
 * Path of a tile below the log's prefix: `tile/0/x001/x234/067`, with `.p/W` for one that has only W hashes.
 * Level `entries` names bundles of records.
 */
export function tilePath(level: number | 'entries', index: number, width: number = tileWidth): string {
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0');
  const groups = padded.match(/\d{3}/g) ?? [];
  const path = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${level}/${path}${width === tileWidth ? '' : `.p/${width}`}`;
}

/** How many hashes the last, partial tile of a level has in a tree of this size; 0 when it has none. */
export function partialWidth(size: number, level: number): number {
  return Math.floor(size / tileWidth ** level) % tileWidth;
}

/** Index of the first record that a hash of a tile stands for. */
export function firstRecordOf(level: number, index: number, position: number): number {
  return (index * tileWidth + position) * tileWidth ** level;
}

/** Position of the first hash in which two tiles differ; -1 when they are the same. */
export function firstDifference(one: Buffer, other: Buffer): number {
  if (one.equals(other)) return -1;
  const count = Math.ceil(Math.max(one.length, other.length) / hashBytes);
  for (let at = 0; at < count; at++) {
    const [from, to] = [at * hashBytes, (at + 1) * hashBytes];
    if (!one.subarray(from, to).equals(other.subarray(from, to))) return at;
  }
  return -1;
}
