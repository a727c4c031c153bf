import { cosignedAt, openCheckpoint } from './checkpoint.ts';
import { type Hash, leafHash } from './merkle.ts';
import type { TrustPolicy } from './policy.ts';
import { verifyInclusion } from './proof.ts';

/** A record with the way from it to a signed checkpoint (C2SP tlog-proof). */
export interface LogProof {
  /** The body of the record, put into the extra data so that the proof stands by itself. */
  readonly body: Buffer;
  readonly index: number;
  readonly path: readonly Hash[];
  /** The checkpoint with all its signatures. */
  readonly checkpoint: string;
}

const header = 'c2sp.org/tlog-proof@v1';

export function writeProof({ body, index, path, checkpoint }: LogProof): string {
  const lines = path.map(hash => `${hash.toString('base64')}\n`).join('');
  return `${header}\nextra ${body.toString('base64')}\nindex ${index}\n${lines}\n${checkpoint}`;
}

/** Reads a proof. Throws Error when it is malformed. */
export function parseProof(text: string): LogProof {
  const cut = text.indexOf('\n\n');
  const [first, extra = '', index = '', ...path] = text.slice(0, Math.max(cut, 0)).split('\n');
  const body = /^extra ([A-Za-z0-9+/]+={0,2})$/.exec(extra)?.[1];
  const position = /^index (0|[1-9][0-9]{0,15})$/.exec(index)?.[1];
  const hashes = path.map(line => Buffer.from(line, 'base64'));
  if (first !== header || body === undefined || position === undefined || hashes.some(hash => hash.length !== 32)) {
    throw new Error('this is not a proof of a record of talosgate');
  }
  return { body: Buffer.from(body, 'base64'), index: Number(position), path: hashes, checkpoint: text.slice(cut + 2) };
}

export type ProofVerdict =
  | { readonly ok: true; readonly size: number; readonly witnessedAt: number | undefined }
  | { readonly ok: false; readonly why: 'malformed' | 'unsigned' | 'not-included' | 'unanchored' };

/** Judges a proof under a policy. `witnessedAt` is the oldest time, in seconds, among the cosignatures that count. */
export function verifyProof(text: string, policy: TrustPolicy): ProofVerdict {
  let proof: LogProof;
  try {
    proof = parseProof(text);
  } catch {
    return { ok: false, why: 'malformed' };
  }
  const checkpoint = policy.logs.map(log => openCheckpoint(proof.checkpoint, log)).find(found => found !== undefined);
  if (checkpoint === undefined) return { ok: false, why: 'unsigned' };
  const { size, root, note } = checkpoint;
  if (!verifyInclusion(leafHash(proof.body), proof.index, size, proof.path, root)) {
    return { ok: false, why: 'not-included' };
  }
  const times = new Map<string, number>();
  for (const witness of policy.witnesses) {
    const seconds = cosignedAt(note.text, note.signatures, witness);
    if (seconds !== undefined) times.set(witness.vkey, seconds);
  }
  if (!policy.quorum(new Set(times.keys()))) return { ok: false, why: 'unanchored' };
  return { ok: true, size, witnessedAt: times.size === 0 ? undefined : Math.min(...times.values()) };
}
