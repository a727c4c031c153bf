import { inflateRawSync } from 'node:zlib';

/**
 * Entries of a zip archive as text, sorted by name: name and content. Enough of APPNOTE.TXT 4.3 for archives without
 * zip64 that Go's archive/zip writes. Undefined for an archive that has no end, as a writer leaves it that gave up.
 */
export function zipEntries(archive: Buffer): [name: string, content: string][] | undefined {
  const end = archive.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  if (end < 0) return undefined;
  const entries: [string, string][] = [];
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map(offset => archive.readUInt16LE(at + offset));
    const name = archive.toString('utf8', at + 46, at + 46 + (nameLength ?? 0));
    entries.push([name, contentAt(archive, at)]);
    at += 46 + (nameLength ?? 0) + (extraLength ?? 0) + (commentLength ?? 0);
  }
  return entries.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Content of the entry whose record in the central directory is at `at`. */
function contentAt(archive: Buffer, at: number): string {
  const [method, size, local] = [
    archive.readUInt16LE(at + 10),
    archive.readUInt32LE(at + 20),
    archive.readUInt32LE(at + 42),
  ];
  const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
  const stored = archive.subarray(start, start + size);
  if (method === 0) return stored.toString('latin1');
  if (method === 8) return inflateRawSync(stored).toString('latin1');
  throw new Error(`compression method ${method}`);
}
