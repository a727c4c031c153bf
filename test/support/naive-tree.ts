import { createHash } from 'node:crypto';
import type { SubtreeReader } from '../../src/tlog/proof.ts';

// RFC 6962 section 2.1, word for word and as slow as that is. Shares no code with src/tlog.

const sha256 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** Largest power of two smaller than n. */
const split = (n: number): number => {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
};

/** Merkle tree hash of a list of data. */
export function naiveRoot(data: readonly Uint8Array[]): Buffer {
  const [only] = data;
  if (only === undefined) return sha256();
  if (data.length === 1) return sha256(Buffer.of(0), only);
  const k = split(data.length);
  return sha256(Buffer.of(1), naiveRoot(data.slice(0, k)), naiveRoot(data.slice(k)));
}

/** PATH(m, D[n]) of section 2.1.1. */
export function naivePath(m: number, data: readonly Uint8Array[]): Buffer[] {
  if (data.length === 1) return [];
  const k = split(data.length);
  return m < k
    ? [...naivePath(m, data.slice(0, k)), naiveRoot(data.slice(k))]
    : [...naivePath(m - k, data.slice(k)), naiveRoot(data.slice(0, k))];
}

/** PROOF(m, D[n]) of section 2.1.2. */
export function naiveProof(m: number, data: readonly Uint8Array[], complete = true): Buffer[] {
  if (m === data.length) return complete ? [] : [naiveRoot(data)];
  const k = split(data.length);
  return m <= k
    ? [...naiveProof(m, data.slice(0, k), complete), naiveRoot(data.slice(k))]
    : [...naiveProof(m - k, data.slice(k), false), naiveRoot(data.slice(0, k))];
}

/** Reads subtrees of a list of data. */
export function naiveReader(data: readonly Uint8Array[]): SubtreeReader {
  return (level, index) => {
    const range = data.slice(index * 2 ** level, (index + 1) * 2 ** level);
    return range.length === 2 ** level
      ? Promise.resolve(naiveRoot(range))
      : Promise.reject(new Error('no such subtree'));
  };
}
