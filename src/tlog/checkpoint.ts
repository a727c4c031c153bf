import { verify } from 'node:crypto';
import type { Hash } from './merkle.ts';
import {
  isSignedBy,
  type Note,
  type NoteSignature,
  parseNote,
  type Signer,
  signatureLine,
  signaturesBy,
  signNote,
  type Verifier,
} from './note.ts';

/** What a log says of itself (C2SP tlog-checkpoint). */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
}

/** The text that is signed: origin, size and root, a line each. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/** Signs a checkpoint under the name of its origin and gives the note. Same input, same note: Ed25519 is deterministic. */
export function signCheckpoint(checkpoint: Checkpoint, signer: Signer): string {
  return signNote(checkpointText(checkpoint), signer);
}

/** Reads the text of a checkpoint. Lines that follow the third are allowed and not read. Throws Error when it is malformed. */
export function parseCheckpointText(text: string): Checkpoint {
  const [origin = '', size = '', root = '', ...more] = text.split('\n');
  const hash = Buffer.from(root, 'base64');
  const isSound = /^(0|[1-9][0-9]{0,15})$/.test(size) && Number.isSafeInteger(Number(size));
  if (origin === '' || !isSound || hash.length !== 32 || hash.toString('base64') !== root || more.at(-1) !== '') {
    throw new Error('this is not a checkpoint');
  }
  return { origin, size: Number(size), root: hash };
}

/** Reads a note that holds a checkpoint. Nothing is verified. Throws Error when it is malformed. */
export function parseCheckpoint(note: string): Checkpoint & { readonly note: Note } {
  const parsed = parseNote(note);
  return { ...parseCheckpointText(parsed.text), note: parsed };
}

/** The checkpoint inside a note, if the log's key signed it and it names the log's origin. */
export function openCheckpoint(note: string, log: Verifier): (Checkpoint & { readonly note: Note }) | undefined {
  try {
    const checkpoint = parseCheckpoint(note);
    return checkpoint.origin === log.name && isSignedBy(checkpoint.note, log) ? checkpoint : undefined;
  } catch {
    return undefined;
  }
}

/** What a cosigner signs: a header, the time, and the text of the checkpoint (C2SP tlog-cosignature, Ed25519). */
function cosignedMessage(text: string, seconds: number): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`);
}

/** Cosigns the text of a checkpoint at a time in seconds since the epoch, and gives the signature line. */
export function cosign(text: string, seconds: number, cosigner: Signer): string {
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(seconds));
  const bytes = Buffer.concat([time, cosigner.sign(cosignedMessage(text, seconds))]);
  return signatureLine(cosigner.verifier, bytes);
}

/** Time in seconds of a witness's cosignature over the text; undefined when there is none, or one that is wrong. */
export function cosignedAt(text: string, signatures: readonly NoteSignature[], witness: Verifier): number | undefined {
  const claimed = signaturesBy({ signatures }, witness);
  const times = claimed.map(({ bytes }) => {
    if (bytes.length !== 72) return undefined;
    const seconds = Number(bytes.readBigUInt64BE());
    return verify(null, cosignedMessage(text, seconds), witness.publicKey, bytes.subarray(8)) ? seconds : undefined;
  });
  if (times.includes(undefined)) return undefined;
  return times[0];
}
