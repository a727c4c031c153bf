import { inclusionProof } from '../tlog/proof.ts';
import { writeProof } from '../tlog/tlog-proof.ts';
import { createSubtreeReader } from './tree-reader.ts';
import type { LogCheckpoint, LogSource } from './verify/source.ts';
import { withCosignatures } from './write-bundle.ts';

/**
 * The proof of one record (C2SP tlog-proof), against the newest checkpoint with cosignatures that covers it, else the
 * newest there is. Undefined while no checkpoint covers the record.
 */
export async function proveRecord(source: LogSource, idx: number, body: Buffer): Promise<string | undefined> {
  const origin = source.origins.find(one => !source.origins.some(({ follows }) => follows === one.origin))?.origin;
  if (origin === undefined) return undefined;
  let plain: LogCheckpoint | undefined;
  let cosigned: LogCheckpoint | undefined;
  for await (const found of source.checkpoints(origin)) {
    if (found.size <= idx) continue;
    plain = found;
    if (found.cosignatures.length > 0) cosigned = found;
  }
  const checkpoint = cosigned ?? plain;
  if (checkpoint === undefined) return undefined;
  const path = await inclusionProof(createSubtreeReader(source.tree(origin)), idx, checkpoint.size);
  return writeProof({ body, index: idx, path, checkpoint: withCosignatures(checkpoint) });
}
