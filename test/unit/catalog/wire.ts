import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** Hand-made protobuf bytes, so that a test can write what no encoder would. */
export const varint = (value: bigint | number): Uint8Array =>
  new BinaryWriter().uint64(BigInt.asUintN(64, BigInt(value))).finish();

export function tag(number: number, wireType: number): Uint8Array {
  return varint((BigInt(number) << 3n) | BigInt(wireType));
}

export const bytes = (...parts: readonly (Uint8Array | string | number)[]): Uint8Array =>
  Buffer.concat(parts.map(part => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part))));

/** A field with length and bytes. */
export function field(number: number, ...content: readonly (Uint8Array | string | number)[]): Uint8Array {
  const inner = bytes(...content);
  return bytes(tag(number, WireType.LengthDelimited), varint(inner.length), inner);
}

/** A field with a varint. */
export const number = (at: number, value: bigint | number): Uint8Array =>
  bytes(tag(at, WireType.Varint), varint(value));

/** A varint with needless zero groups at its end. */
export function padded(value: number): Uint8Array {
  const plain = Buffer.from(varint(value));
  plain.writeUInt8(plain.readUInt8(plain.length - 1) | 0x80, plain.length - 1);
  return bytes(plain, 0x80, 0x00);
}

/** One field as it stands in a message: its number, wire type and everything after the tag. */
export interface WireRecord {
  readonly number: number;
  readonly wireType: number;
  readonly data: Uint8Array;
}

/** Takes a well-formed message apart, top level only. */
export function splitRecords(message: Uint8Array): WireRecord[] {
  const reader = new BinaryReader(message);
  const records: WireRecord[] = [];
  while (reader.pos < reader.len) {
    const [at, wireType] = reader.tag();
    records.push({ number: at, wireType, data: reader.skip(wireType, at) });
  }
  return records;
}

export function joinRecords(records: readonly WireRecord[]): Uint8Array {
  return bytes(...records.flatMap(record => [tag(record.number, record.wireType), record.data]));
}

/** Content of a length-delimited record. */
export function contentOf(record: WireRecord): Uint8Array {
  return new BinaryReader(record.data).bytes();
}
