import { createCipheriv, createDecipheriv } from 'node:crypto';
import { GateError } from '../core/gate-error.ts';

/** From the client to the node, or back. */
export type Direction = 'in' | 'out';

/** Which stretch of which session a chunk is; bound into its ciphertext. */
export interface ChunkPlace {
  readonly session: string;
  /** From 0, over both directions, without gaps. */
  readonly seq: number;
  readonly direction: Direction;
}

const tagLength = 16;

/** AES-256-GCM. The nonce is the number of the chunk: a data key serves one session, so none comes twice. */
export function sealChunk(dataKey: Buffer, place: ChunkPlace, plain: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', dataKey, nonceOf(place)).setAAD(aadOf(place));
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Throws GateError `denied` when the chunk, its place or the key is not the one it was sealed with. */
export function openChunk(dataKey: Buffer, place: ChunkPlace, sealed: Buffer): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', dataKey, nonceOf(place), { authTagLength: tagLength })
      .setAAD(aadOf(place))
      .setAuthTag(sealed.subarray(-tagLength));
    return Buffer.concat([decipher.update(sealed.subarray(0, -tagLength)), decipher.final()]);
  } catch (cause) {
    throw new GateError('denied', `chunk ${place.seq} of session ${place.session} cannot be opened`, { cause });
  }
}

function nonceOf({ seq }: ChunkPlace): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(seq), 4);
  return nonce;
}

function aadOf({ session, seq, direction }: ChunkPlace): Buffer {
  return Buffer.from(`talosgate session chunk 1\n${session}\n${seq}\n${direction}`);
}
