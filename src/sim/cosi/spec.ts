import { fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { stringify } from 'yaml';

/** How a value stands in the protobuf form of a spec. */
export type Kind =
  | 'string'
  | 'strings'
  | 'bool'
  | 'int'
  | 'address'
  | 'addresses'
  | 'prefix'
  | 'prefixes'
  | 'hardware-address'
  /** Base64 in YAML. */
  | 'bytes'
  | 'struct'
  /** common.URL */
  | 'url'
  /** Text in YAML, a number in protobuf. */
  | { readonly numbers: Readonly<Record<string, number>> }
  | { readonly message: Shape }
  | { readonly messages: Shape };

/** Fields of a spec: key in YAML, field number, kind. Keys that are not listed stand in YAML only. */
export type Shape = Readonly<Record<string, readonly [number: number, kind: Kind]>>;

export type SpecValue = JsonObject;

/** A spec in both forms in which a node sends it. */
export interface EncodedSpec {
  readonly yaml: string;
  readonly proto: Uint8Array;
}

/** Encodes a spec. Values that do not fit their kind are a mistake in the tables and throw. */
export function encodeSpec(shape: Shape, value: SpecValue): EncodedSpec {
  return { yaml: stringify(value, { indent: 4, lineWidth: 0 }), proto: encodeMessage(shape, value) };
}

function encodeMessage(shape: Shape, value: SpecValue): Uint8Array {
  const writer = new BinaryWriter();
  for (const [key, [number, kind]] of Object.entries(shape)) {
    const field = value[key];
    if (field !== undefined && field !== null) encodeField(writer, number, kind, field);
  }
  return writer.finish();
}

function encodeField(writer: BinaryWriter, number: number, kind: Kind, value: unknown): void {
  if (typeof kind === 'object') encodeNested(writer, number, kind, value);
  else if (kind === 'bool') writer.tag(number, WireType.Varint).bool(value === true);
  else if (kind === 'int') writer.tag(number, WireType.Varint).int64(BigInt(asNumber(value)));
  else if (kind === 'string') writer.tag(number, WireType.LengthDelimited).string(asText(value));
  else for (const bytes of byteValues(kind, value)) writer.tag(number, WireType.LengthDelimited).bytes(bytes);
}

function encodeNested(writer: BinaryWriter, number: number, kind: Exclude<Kind, string>, value: unknown): void {
  if ('numbers' in kind) {
    const code = kind.numbers[asText(value)];
    if (code === undefined) throw new Error(`no number for "${asText(value)}"`);
    writer.tag(number, WireType.Varint).int64(BigInt(code));
    return;
  }
  const [shape, values] = 'message' in kind ? [kind.message, [value]] : [kind.messages, asList(value)];
  for (const item of values) {
    writer.tag(number, WireType.LengthDelimited).bytes(encodeMessage(shape, item as SpecValue));
  }
}

type ByteKind = Exclude<Kind, object | 'bool' | 'int' | 'string'>;

function byteValues(kind: ByteKind, value: unknown): Uint8Array[] {
  switch (kind) {
    case 'strings':
      return asList(value).map(item => Buffer.from(asText(item)));
    case 'address':
      return [addressMessage(asText(value))];
    case 'addresses':
      return asList(value).map(item => addressMessage(asText(item)));
    case 'prefix':
      return [prefixMessage(asText(value))];
    case 'prefixes':
      return asList(value).map(item => prefixMessage(asText(item)));
    case 'hardware-address':
      return [Buffer.from(asText(value).replaceAll(':', ''), 'hex')];
    case 'bytes':
      return [Buffer.from(asText(value), 'base64')];
    case 'url':
      return [new BinaryWriter().tag(1, WireType.LengthDelimited).string(asText(value)).finish()];
    case 'struct':
      // talos.resource.definitions: a map of anything is a google.protobuf.Struct.
      return [toBinary(StructSchema, fromJson(StructSchema, value as JsonObject))];
  }
}

/** common.NetIP */
function addressMessage(address: string): Uint8Array {
  if (address === '') return new Uint8Array();
  return new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(addressBytes(address)).finish();
}

/** common.NetIPPrefix */
function prefixMessage(prefix: string): Uint8Array {
  const [address = '', bits = '0'] = prefix.split('/');
  if (address === '') return new Uint8Array();
  const writer = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(addressBytes(address));
  return writer.tag(2, WireType.Varint).int32(Number(bits)).finish();
}

function addressBytes(address: string): Uint8Array {
  if (!address.includes(':')) return Uint8Array.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const middle = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return Buffer.from([...before, ...middle, ...after].map(group => group.padStart(4, '0')).join(''), 'hex');
}

function asText(value: unknown): string {
  if (typeof value !== 'string') throw new Error(`expected text, got ${typeof value}`);
  return value;
}

function asNumber(value: unknown): number {
  if (typeof value !== 'number') throw new Error(`expected a number, got ${typeof value}`);
  return value;
}

function asList(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`expected a list, got ${typeof value}`);
  return value;
}
