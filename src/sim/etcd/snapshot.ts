import { createHash } from 'node:crypto';

const page = 4096;
const chunk = 32 * 1024;

/**
 * A database file of the given size and its SHA-256 behind it, as `etcdctl snapshot` writes them; talosctl verifies the
 * sum. The size is rounded down to 512 bytes, because the sum is recognised by that. The same name gives the same bytes.
 */
export function* snapshotChunks(name: string, size: number): Generator<Buffer, void> {
  const total = Math.max(page, size - (size % 512));
  const sum = createHash('sha256');
  for (let at = 0; at < total; at += chunk) {
    const bytes = database(name, at, Math.min(chunk, total - at));
    sum.update(bytes);
    yield bytes;
  }
  yield sum.digest();
}

/** Bytes at an offset: a bbolt header in front, then pages that differ from each other. */
function database(name: string, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += page) {
    const seed = createHash('sha256')
      .update(`${name}/${(offset + at) / page}`)
      .digest();
    bytes.fill(seed, at, Math.min(length, at + page));
  }
  // Magic number and version of a bbolt meta page.
  if (offset === 0) {
    bytes.writeUInt32LE(0xed0cdaed, 16);
    bytes.writeUInt32LE(2, 20);
    bytes.writeUInt32LE(page, 24);
  }
  return bytes;
}
