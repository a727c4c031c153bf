import { Frontier, subtreeLevels } from './frontier.ts';
import { emptyRoot, type Hash, nodeHash } from './merkle.ts';

/**
 * Gives the root of the perfect subtree over the leaves `index * 2^level` up to `(index + 1) * 2^level`. Rejects when the
 * log does not have it.
 */
export type SubtreeReader = (level: number, index: number) => Promise<Hash>;

/** The right edge of the tree over the first `size` leaves. */
export async function readFrontier(read: SubtreeReader, size: number): Promise<Frontier> {
  const roots: Hash[] = [];
  let start = 0;
  for (const level of subtreeLevels(size)) {
    roots.push(await read(level, start / 2 ** level));
    start += 2 ** level;
  }
  return new Frontier(size, roots);
}

/** Merkle audit path of RFC 6962 section 2.1.1, the leaf's sibling first. */
export async function inclusionProof(read: SubtreeReader, index: number, size: number): Promise<Hash[]> {
  if (index < 0 || index >= size) throw new RangeError('no such leaf in a tree of this size');
  return await path(read, index, 0, size);
}

/** Merkle consistency proof of RFC 6962 section 2.1.2. Empty from nothing, and from a size to itself. */
export async function consistencyProof(read: SubtreeReader, from: number, to: number): Promise<Hash[]> {
  if (from < 0 || from > to) throw new RangeError('a tree is consistent with larger ones only');
  if (from === 0 || from === to) return [];
  return await subproof(read, from, 0, to, true);
}

async function path(read: SubtreeReader, index: number, start: number, size: number): Promise<Hash[]> {
  if (size === 1) return [];
  const half = largestHalf(size);
  return index < half
    ? [...(await path(read, index, start, half)), await rangeRoot(read, start + half, size - half)]
    : [...(await path(read, index - half, start + half, size - half)), await rangeRoot(read, start, half)];
}

async function subproof(
  read: SubtreeReader,
  from: number,
  start: number,
  size: number,
  known: boolean,
): Promise<Hash[]> {
  if (from === size) return known ? [] : [await rangeRoot(read, start, size)];
  const half = largestHalf(size);
  if (from <= half) {
    return [...(await subproof(read, from, start, half, known)), await rangeRoot(read, start + half, size - half)];
  }
  const right = await subproof(read, from - half, start + half, size - half, false);
  return [...right, await rangeRoot(read, start, half)];
}

/** Root over a range that begins where a tree of its size could begin. */
async function rangeRoot(read: SubtreeReader, start: number, size: number): Promise<Hash> {
  const roots: Hash[] = [];
  let at = start;
  for (const level of subtreeLevels(size)) {
    roots.push(await read(level, at / 2 ** level));
    at += 2 ** level;
  }
  return roots.toReversed().reduce((right, left) => nodeHash(left, right));
}

/** Largest power of two below `size`, which is at least two. */
function largestHalf(size: number): number {
  let half = 1;
  while (half * 2 < size) half *= 2;
  return half;
}

/** Whether the path leads from the leaf to the root (RFC 9162 section 2.1.3.2). */
export function verifyInclusion(leaf: Hash, index: number, size: number, proof: readonly Hash[], root: Hash): boolean {
  if (index < 0 || index >= size) return false;
  let [node, last] = [index, size - 1];
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && hash.equals(root);
}

/** Whether the tree of `to` leaves begins with the tree of `from` leaves (RFC 9162 section 2.1.4.2). */
export function verifyConsistency(
  from: number,
  to: number,
  proof: readonly Hash[],
  fromRoot: Hash,
  toRoot: Hash,
): boolean {
  if (from < 0 || from > to) return false;
  if (from === to) return proof.length === 0 && fromRoot.equals(toRoot);
  if (from === 0) return proof.length === 0 && fromRoot.equals(emptyRoot);
  const steps = isPowerOfTwo(from) ? [fromRoot, ...proof] : [...proof];
  let [node, last] = [from - 1, to - 1];
  while (node % 2 === 1) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  const first = steps.shift();
  if (first === undefined) return false;
  let [older, newer] = [first, first];
  for (const step of steps) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      older = nodeHash(step, older);
      newer = nodeHash(step, newer);
      while (node % 2 === 0 && node !== 0) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
    } else {
      newer = nodeHash(newer, step);
    }
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && older.equals(fromRoot) && newer.equals(toRoot);
}

function isPowerOfTwo(value: number): boolean {
  return 2 ** Math.round(Math.log2(value)) === value;
}
