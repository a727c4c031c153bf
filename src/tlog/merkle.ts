import { hash } from 'node:crypto';

/** A SHA-256 value, 32 bytes. */
export type Hash = Buffer;
export const hashBytes = 32;

const leafPrefix = Buffer.of(0);

/** What a node is hashed from, put together in one place: hashing is over before anybody else comes. */
const node = Buffer.alloc(1 + 2 * hashBytes, 1);

/** Root of a tree without leaves: SHA-256 of nothing (RFC 6962 section 2.1). */
export const emptyRoot: Hash = hash('sha256', '', 'buffer');

/** SHA-256(0x00 || body), RFC 6962 section 2.1. */
export function leafHash(body: Uint8Array): Hash {
  return hash('sha256', Buffer.concat([leafPrefix, body]), 'buffer');
}

/** SHA-256(0x01 || left || right), RFC 6962 section 2.1. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Hash {
  if (left.length !== hashBytes || right.length !== hashBytes)
    return hash('sha256', Buffer.concat([node.subarray(0, 1), left, right]), 'buffer');
  node.set(left, 1);
  node.set(right, 1 + hashBytes);
  return hash('sha256', node, 'buffer');
}

/** Root over hashes of equal height, of which there must be a power of two. */
export function foldPerfect(hashes: readonly Hash[]): Hash {
  let row = hashes;
  while (row.length > 1) {
    const above: Hash[] = [];
    for (let at = 0; at < row.length; at += 2) above.push(nodeHash(row[at] ?? emptyRoot, row[at + 1] ?? emptyRoot));
    row = above;
  }
  return row[0] ?? emptyRoot;
}

/** Cuts hashes that stand one after the other, as tiles and batches hold them. A remainder of less than 32 bytes is left out. */
export function splitHashes(joined: Buffer): Hash[] {
  const hashes: Hash[] = [];
  for (let at = 0; at + hashBytes <= joined.length; at += hashBytes) hashes.push(joined.subarray(at, at + hashBytes));
  return hashes;
}
