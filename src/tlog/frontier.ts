import { emptyRoot, type Hash, nodeHash } from './merkle.ts';

/**
 * The right edge of a growing RFC 6962 tree: the roots of the perfect subtrees that its size is the sum of, largest first.
 * It is all that is needed to add leaves and to know the root, at most 53 hashes.
 */
export class Frontier {
  #size: number;
  #roots: Hash[];

  constructor(size = 0, roots: readonly Hash[] = []) {
    if (roots.length !== subtreeLevels(size).length) throw new RangeError('the hashes do not fit the size of the tree');
    this.#size = size;
    this.#roots = [...roots];
  }

  /** Leaves in the tree. */
  get size(): number {
    return this.#size;
  }

  get roots(): readonly Hash[] {
    return this.#roots;
  }

  append(leaf: Hash): void {
    let root = leaf;
    // One subtree for each trailing one of the size is as large as what was just put together.
    for (let rest = this.#size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      root = nodeHash(this.#roots.pop() ?? emptyRoot, root);
    }
    this.#roots.push(root);
    this.#size += 1;
  }

  root(): Hash {
    const [last, ...before] = this.#roots.toReversed();
    if (last === undefined) return emptyRoot;
    return before.reduce((right, left) => nodeHash(left, right), last);
  }

  clone(): Frontier {
    return new Frontier(this.#size, this.#roots);
  }
}

/** Heights of the perfect subtrees that a tree of this size consists of, from the left: 7 gives 2, 1, 0. */
export function subtreeLevels(size: number): number[] {
  const levels: number[] = [];
  for (let level = 52; level >= 0; level--) {
    if (Math.floor(size / 2 ** level) % 2 === 1) levels.push(level);
  }
  return levels;
}
