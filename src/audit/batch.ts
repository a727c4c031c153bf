import { hash } from 'node:crypto';
import { finishBody } from './canonical.ts';

/** Records on their way into the log, as the append function takes them. */
export interface Batch {
  readonly firstWseq: number;
  readonly count: number;
  /** Where each body ends in `bodies`, in bytes from the beginning. */
  readonly ends: readonly number[];
  /** The bodies one after the other, each with a zero byte before it. */
  readonly bodies: Buffer;
  /** Leaf hashes one after the other, 32 bytes each. */
  readonly leaves: Buffer;
}

/** Most digits that a counter adds to an encoded record, and the two characters that close it. */
const tail = 16 + 2;

/**
 * Numbers the encoded records from `firstWseq` on and hashes them. The leaf is SHA-256(0x00 || body), RFC 6962 section
 * 2.1; the zero byte stands before each body already, so that the hash reads the very bytes that are sent.
 */
export function buildBatch(encoded: readonly string[], firstWseq: number): Batch {
  const room = encoded.reduce((sum, one) => sum + Buffer.byteLength(one) + 1 + tail, 0);
  const bodies = Buffer.allocUnsafe(room);
  const leaves = Buffer.allocUnsafe(32 * encoded.length);
  const ends: number[] = [];
  let end = 0;
  for (const [index, one] of encoded.entries()) {
    const start = end;
    bodies.writeUInt8(0, start);
    const length = bodies.write(finishBody(one, firstWseq + index), start + 1, 'utf8');
    end = start + 1 + length;
    ends.push(end);
    leaves.set(hash('sha256', bodies.subarray(start, end), 'buffer'), 32 * index);
  }
  return { firstWseq, count: encoded.length, ends, bodies: bodies.subarray(0, end), leaves };
}

/** Leaf hash of one stored body, for whoever checks the log. */
export function leafHash(body: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([Buffer.of(0), body]), 'buffer');
}
