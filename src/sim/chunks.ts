/** Size of the pieces in which a node sends files and logs (talos pkg/chunker/stream). */
const nodeChunk = 1024;

/** Cuts bytes into pieces of at most `size`. */
export function* chunksOf(bytes: Buffer, size: number = nodeChunk): Generator<Buffer, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
