import { createHash } from 'node:crypto';

const page = 4096;
/** Two meta pages, freelist, root bucket, and the first page of the only key's bucket. */
const fixedPages = 5;
const chunk = 32 * 1024;
const flags = { leaf: 2, meta: 4, freelist: 16 } as const;

/**
 * An etcd database of about the given size, and behind it its SHA-256, as etcd sends a snapshot. The file is a valid
 * bbolt database with one key and a storage version, because talosctl opens and checks what it saved. The same name gives the same bytes.
 */
export function* snapshotChunks(name: string, size: number): Generator<Buffer, void> {
  const pages = Math.max(fixedPages + 1, Math.floor(size / page));
  const sum = createHash('sha256');
  const head = fixedPart(pages);
  sum.update(head);
  yield head;
  for (let at = fixedPages; at < pages; at += chunk / page) {
    const bytes = fillerPages(name, at, Math.min(chunk / page, pages - at));
    sum.update(bytes);
    yield bytes;
  }
  yield sum.digest();
}

/** bbolt's file format, version 2 (go.etcd.io/bbolt internal/common). */
function fixedPart(pages: number): Buffer {
  const file = Buffer.alloc(fixedPages * page);
  metaPage(file, 0, pages);
  metaPage(file, 1, pages);
  pageHeader(file, 2, flags.freelist, 0, 0);
  rootBucket(file, 3, 4);
  keyBucket(file, 4, pages - fixedPages);
  return file;
}

function pageHeader(file: Buffer, id: number, flag: number, count: number, overflow: number): number {
  const at = id * page;
  file.writeBigUInt64LE(BigInt(id), at);
  file.writeUInt16LE(flag, at + 8);
  file.writeUInt16LE(count, at + 10);
  file.writeUInt32LE(overflow, at + 12);
  return at + 16;
}

function metaPage(file: Buffer, id: number, pages: number): void {
  const at = pageHeader(file, id, flags.meta, 0, 0);
  file.writeUInt32LE(0xed0cdaed, at);
  file.writeUInt32LE(2, at + 4);
  file.writeUInt32LE(page, at + 8);
  file.writeBigUInt64LE(3n, at + 16);
  file.writeBigUInt64LE(2n, at + 32);
  file.writeBigUInt64LE(BigInt(pages), at + 40);
  file.writeBigUInt64LE(BigInt(id), at + 48);
  file.writeBigUInt64LE(fnv64a(file.subarray(at, at + 56)), at + 56);
}

/** Two buckets: `key` has its own pages, `meta` is small enough to stand inline. */
function rootBucket(file: Buffer, id: number, child: number): void {
  const key = Buffer.alloc(16);
  key.writeBigUInt64LE(BigInt(child));
  const inline = Buffer.alloc(16 + 16);
  inline.writeUInt16LE(flags.leaf, 16 + 8);
  inline.writeUInt16LE(1, 16 + 10);
  const version = leafElements([{ flag: 0, key: Buffer.from('storageVersion'), value: Buffer.from('3.6.0') }]);
  const elements = leafElements([
    { flag: 1, key: Buffer.from('key'), value: key },
    { flag: 1, key: Buffer.from('meta'), value: Buffer.concat([inline, version]) },
  ]);
  elements.copy(file, pageHeader(file, id, flags.leaf, 2, 0));
}

/** A leaf whose only entry is one key, named by a revision, with a value that fills all following pages. */
function keyBucket(file: Buffer, id: number, overflow: number): void {
  const revision = Buffer.concat([Buffer.from('00000000000a2d1f', 'hex'), Buffer.from('_'), Buffer.alloc(8)]);
  const room = (overflow + 1) * page - 16 - 16 - revision.length;
  const element = leafElements([{ flag: 0, key: revision, value: keyValueHead(room) }]);
  // Only the head of the value is written here; the rest is what is left of this page and all that follow.
  element.writeUInt32LE(room, 12);
  element.copy(file, pageHeader(file, id, flags.leaf, 1, overflow));
}

/** mvccpb.KeyValue of exactly `size` bytes, up to the beginning of its value. */
function keyValueHead(size: number): Buffer {
  const key = Buffer.from([0x0a, 0x01, 0x61, 0x2a]);
  const length = size - key.length - 5;
  const varint = [0, 7, 14, 21, 28].map(shift => (Math.floor(length / 2 ** shift) & 0x7f) | (shift < 28 ? 0x80 : 0));
  return Buffer.concat([key, Buffer.from(varint)]);
}

/** Elements of a leaf page: their heads, then keys and values; a position counts from its own head. */
function leafElements(
  entries: readonly { readonly flag: number; readonly key: Buffer; readonly value: Buffer }[],
): Buffer {
  const heads = Buffer.alloc(entries.length * 16);
  let position = heads.length;
  entries.forEach(({ flag, key, value }, index) => {
    heads.writeUInt32LE(flag, index * 16);
    heads.writeUInt32LE(position - index * 16, index * 16 + 4);
    heads.writeUInt32LE(key.length, index * 16 + 8);
    heads.writeUInt32LE(value.length, index * 16 + 12);
    position += key.length + value.length;
  });
  return Buffer.concat([heads, ...entries.flatMap(({ key, value }) => [key, value])]);
}

/** Bytes that differ from page to page. */
function fillerPages(name: string, first: number, count: number): Buffer {
  const bytes = Buffer.alloc(count * page);
  for (let index = 0; index < count; index += 1) {
    const seed = createHash('sha256')
      .update(`${name}/${first + index}`)
      .digest();
    bytes.fill(seed, index * page, (index + 1) * page);
  }
  return bytes;
}

/** Fowler-Noll-Vo, 64 bits, variant 1a: the checksum of a meta page. */
function fnv64a(bytes: Buffer): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}
