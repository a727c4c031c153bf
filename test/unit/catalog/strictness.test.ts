import { create, createFileRegistry, type DescMessage, toBinary } from '@bufbuild/protobuf';
import {
  EmptySchema,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { decodeStrict } from '../../../src/catalog/canonical.ts';
import { inspectRequest } from '../../../src/catalog/inspect-request.ts';
import { compileWirePlan } from '../../../src/catalog/wire-plan.ts';
import { ListRequestSchema as CosiListSchema, WatchRequestSchema } from '../../../src/gen/cosi/resource/state_pb.js';
import {
  DebugContainerRunRequestSchema,
  DebugContainerRunRequestSpecSchema,
} from '../../../src/gen/machine/debug_pb.js';
import {
  ApplyConfigurationRequest_Mode,
  ApplyConfigurationRequestSchema,
  GenerateClientConfigurationRequestSchema,
  ListRequestSchema,
  LogsRequestSchema,
  PacketCaptureRequestSchema,
} from '../../../src/gen/machine/machine_pb.js';
import { BlockDeviceWipeRequestSchema } from '../../../src/gen/storage/storage_pb.js';
import { catalog, methodAt, openDigest, refusal } from './support.ts';
import { bytes, field, number, padded, tag, varint } from './wire.ts';

const canonical = (desc: DescMessage, payload: Uint8Array): Uint8Array =>
  decodeStrict(desc, compileWirePlan(desc), payload).canonical;

describe('decodeStrict refuses', () => {
  const logs = field(2, 'kubelet');
  const spec = (...content: Uint8Array[]): Uint8Array => field(1, ...content);
  it.each([
    ['an unknown field', LogsRequestSchema, bytes(logs, number(9, 1)), 'machine.LogsRequest has an unknown field 9'],
    ['a field number far away', LogsRequestSchema, number(536_870_911, 1), 'has an unknown field 536870911'],
    [
      'an unknown field deep inside',
      DebugContainerRunRequestSchema,
      spec(field(1, number(7, 1))),
      'common.ContainerdInstance has an unknown field 7',
    ],
    ['anything in an empty message', EmptySchema, number(1, 0), 'google.protobuf.Empty has an unknown field 1'],
    ['field number 0', LogsRequestSchema, bytes(0x02, 0x00), 'machine.LogsRequest has a field number 0'],
    ['a tag of more than 32 bits', LogsRequestSchema, bytes(tag(1 << 29, 0), 0), 'has a field number out of range'],
    ['a string twice', LogsRequestSchema, bytes(logs, logs), 'field 2 (id) comes twice'],
    ['an empty string twice', LogsRequestSchema, bytes(field(2), field(2)), 'field 2 (id) comes twice'],
    [
      'a number twice, not side by side',
      LogsRequestSchema,
      bytes(number(3, 1), logs, number(3, 0)),
      'field 3 (driver) comes twice',
    ],
    [
      'a sub-message twice',
      DebugContainerRunRequestSchema,
      spec(field(1, number(1, 1)), field(1, number(2, 1))),
      'machine.DebugContainerRunRequestSpec field 1 (containerd) comes twice',
    ],
    [
      'a oneof member twice',
      DebugContainerRunRequestSchema,
      bytes(spec(), spec()),
      'comes twice or beside another member of "request"',
    ],
    [
      'two members of a oneof',
      DebugContainerRunRequestSchema,
      bytes(number(3, 2), spec()),
      'field 1 (spec) comes twice or beside another member',
    ],
    [
      'a map key twice in an entry',
      DebugContainerRunRequestSpecSchema,
      field(4, field(1, 'a'), field(1, 'b')),
      'machine.DebugContainerRunRequestSpec.env field 1 (key) comes twice',
    ],
    [
      'an unknown field in a map entry',
      DebugContainerRunRequestSpecSchema,
      field(4, field(1, 'a'), field(3, 'b')),
      'has an unknown field 3',
    ],
    ['a varint for a string', LogsRequestSchema, number(2, 1), 'field 2 (id) has wire type 0, expected 2'],
    [
      'bytes for a single number',
      LogsRequestSchema,
      field(5, varint(1)),
      'field 5 (tail_lines) has wire type 2, expected 0',
    ],
    ['a group', LogsRequestSchema, bytes(tag(2, 3), tag(2, 4)), 'field 2 (id) has wire type 3, expected 2'],
    [
      'a fixed number for a varint',
      LogsRequestSchema,
      bytes(tag(5, 5), 0, 0, 0, 0),
      'field 5 (tail_lines) has wire type 5',
    ],
    ['an invalid wire type', LogsRequestSchema, bytes(tag(5, 7), 0), 'field 5 (tail_lines) has wire type 7'],
    ['a tag that is cut', LogsRequestSchema, bytes(logs, 0x80), 'machine.LogsRequest is cut short'],
    ['a number that is cut', LogsRequestSchema, bytes(tag(5, 0), 0xff), 'field 5 (tail_lines) is cut short'],
    ['a string that is cut', LogsRequestSchema, bytes(tag(2, 2), 5, 'kube'), 'field 2 (id) is cut short'],
    ['a length beyond 32 bits', LogsRequestSchema, bytes(tag(2, 2), varint(1n << 32n)), 'field 2 (id) is cut short'],
    [
      'a string that reaches out of its message',
      DebugContainerRunRequestSchema,
      bytes(tag(1, 2), 3, tag(2, 2), 5, 'x', number(3, 1), number(3, 1)),
      'field 2 (image_name) is cut short',
    ],
    [
      'a number that reaches out of a packed list',
      ListRequestSchema,
      bytes(tag(4, 2), 1, 0x81, 0x00),
      'field 4 (types) is cut short',
    ],
    [
      'a varint of 11 bytes',
      LogsRequestSchema,
      bytes(tag(5, 0), ...Array<number>(10).fill(0x80), 0),
      'more than 64 bits',
    ],
    [
      'a varint of 65 bits',
      LogsRequestSchema,
      bytes(tag(5, 0), ...Array<number>(9).fill(0xff), 2),
      'more than 64 bits',
    ],
    ['2^31 for an int32', LogsRequestSchema, number(5, 1n << 31n), 'field 5 (tail_lines) has a value out of range'],
    [
      '2^32 for an uint32',
      PacketCaptureRequestSchema,
      number(3, 1n << 32n),
      'field 3 (snap_len) has a value out of range',
    ],
    ['2 for a bool', LogsRequestSchema, number(4, 2), 'field 4 (follow) has a value out of range'],
    ['an unknown enum value', LogsRequestSchema, number(3, 7), 'field 3 (driver) has an unknown value 7'],
    ['a negative enum value', LogsRequestSchema, number(3, -1), 'field 3 (driver) has an unknown value -1'],
    [
      'an unknown value in a packed list',
      ListRequestSchema,
      field(4, varint(1), varint(3)),
      'field 4 (types) has an unknown value 3',
    ],
    ['a lone surrogate', LogsRequestSchema, field(2, 0xed, 0xa0, 0x80), 'field 2 (id) is not valid UTF-8'],
    ['an overlong slash', LogsRequestSchema, field(2, 0xc0, 0xaf), 'field 2 (id) is not valid UTF-8'],
    [
      'invalid UTF-8 after much text',
      LogsRequestSchema,
      field(2, 'x'.repeat(100), 0xff),
      'field 2 (id) is not valid UTF-8',
    ],
    [
      'invalid UTF-8 in a list',
      GenerateClientConfigurationRequestSchema,
      field(1, 0xff),
      'field 1 (roles) is not valid UTF-8',
    ],
    [
      'invalid UTF-8 in a map',
      DebugContainerRunRequestSpecSchema,
      field(4, field(1, 'a'), field(2, 0xff)),
      'field 2 (value) is not valid UTF-8',
    ],
  ])('%s', (_, desc, payload, complaint) => {
    const { code, message } = refusal(() => canonical(desc, payload));
    expect(code).toBe('malformed-message');
    expect(message).toContain(complaint);
  });

  it('nesting of more than 32 messages, and follows 32', () => {
    const nested = (depth: number): Uint8Array => (depth === 0 ? bytes() : field(1, nested(depth - 1)));
    const recursive = selfContaining();
    expect(canonical(recursive, nested(32))).toEqual(nested(32));
    expect(refusal(() => canonical(recursive, nested(33))).message).toContain('nested too deeply');
  });

  it('more than 65,536 values, packed or not', () => {
    const many = (count: number): Uint8Array => bytes(...Array<Uint8Array>(count).fill(field(1)));
    const packed = (count: number): Uint8Array => field(4, Buffer.alloc(count));
    expect(canonical(GenerateClientConfigurationRequestSchema, many(65_536))).toHaveLength(131_072);
    expect(refusal(() => canonical(GenerateClientConfigurationRequestSchema, many(65_537))).message).toContain(
      '65536 values',
    );
    expect(refusal(() => canonical(ListRequestSchema, packed(65_536))).message).toContain('65536 values');
  });
});

describe('decodeStrict makes one encoding of', () => {
  it.each([
    ['fields in any order', LogsRequestSchema, bytes(number(3, 1), field(2, 'x')), bytes(field(2, 'x'), number(3, 1))],
    ['a tag that is too long', LogsRequestSchema, bytes(padded(0x12), 1, 'x'), field(2, 'x')],
    ['a length that is too long', LogsRequestSchema, bytes(0x12, padded(1), 'x'), field(2, 'x')],
    ['a number that is too long', LogsRequestSchema, bytes(0x28, padded(9)), number(5, 9)],
    [
      'zero values that are there',
      LogsRequestSchema,
      bytes(field(1), field(2), number(3, 0), number(4, 0), number(5, 0)),
      bytes(),
    ],
    ['a list that could be packed', ListRequestSchema, bytes(number(4, 1), number(4, 0)), field(4, 1, 0)],
    ['a list in two packs', ListRequestSchema, bytes(field(4, 1), field(4, 0)), field(4, 1, 0)],
    ['an empty pack', ListRequestSchema, field(4), bytes()],
    [
      'map entries in any order',
      DebugContainerRunRequestSpecSchema,
      bytes(field(4, field(1, 'b'), field(2, '1')), field(4, field(1, 'a'), field(2, '2'))),
      bytes(field(4, field(1, 'a'), field(2, '2')), field(4, field(1, 'b'), field(2, '1'))),
    ],
    [
      'a map entry without value',
      DebugContainerRunRequestSpecSchema,
      field(4, field(1, 'a')),
      field(4, field(1, 'a'), field(2)),
    ],
    [
      'a map key that comes again',
      DebugContainerRunRequestSpecSchema,
      bytes(field(4, field(1, 'a'), field(2, '1')), field(4, field(1, 'a'), field(2, '2'))),
      field(4, field(1, 'a'), field(2, '2')),
    ],
    [
      'disorder deep inside',
      BlockDeviceWipeRequestSchema,
      field(1, number(2, 1), field(1, 'sda')),
      field(1, field(1, 'sda'), number(2, 1)),
    ],
    [
      'disorder in a member of a oneof',
      DebugContainerRunRequestSchema,
      field(1, field(4, field(1, 'b')), field(4, field(1, 'a'))),
      field(1, field(4, field(1, 'a'), field(2)), field(4, field(1, 'b'), field(2))),
    ],
  ])('%s', (_, desc, payload, expected) => {
    expect(Buffer.from(canonical(desc, payload))).toEqual(Buffer.from(expected));
  });

  it.each([
    ['an empty sub-message', CosiListSchema, field(3)],
    ['an optional field with its zero value', WatchRequestSchema, field(3)],
    ['a oneof member with its zero value', DebugContainerRunRequestSchema, number(3, 0)],
    ['a negative number', LogsRequestSchema, number(5, -1)],
    ['a byte order mark', LogsRequestSchema, field(2, '\u{feff}kubelet')],
  ])('%s, and keeps it', (_, desc, payload) => {
    expect(Buffer.from(canonical(desc, payload))).toEqual(Buffer.from(payload));
  });

  it('a map with the key __proto__, and keeps it', () => {
    const spec = bytes(field(4, field(1, '__proto__'), field(2, 'x')), field(4, field(1, 'A'), field(2, 'y')));
    const { message, canonical: again } = decodeStrict(
      DebugContainerRunRequestSpecSchema,
      compileWirePlan(DebugContainerRunRequestSpecSchema),
      spec,
    );
    expect(Object.keys(message['env'] as object)).toEqual(['A', '__proto__']);
    expect(again).toHaveLength(spec.length);
  });
});

describe('inspectRequest', () => {
  it('hands back a canonical payload itself, so that 32 MiB are not copied', () => {
    const payload = toBinary(
      ApplyConfigurationRequestSchema,
      create(ApplyConfigurationRequestSchema, {
        data: new Uint8Array(1 << 20),
        mode: ApplyConfigurationRequest_Mode.AUTO,
      }),
    );
    let digested: Uint8Array | undefined;
    const facts = inspectRequest(methodAt('/machine.MachineService/ApplyConfiguration'), payload, (_field, value) => {
      digested = value;
      return { length: '', digest: '' };
    });
    expect(facts.canonical).toBe(payload);
    expect(digested?.buffer).toBe(payload.buffer);
  });

  it('answers an empty payload of a method without input with facts made once', () => {
    for (const method of catalog.methods.filter(
      one => one.action === 'node.version' || one.action === 'node.rollback',
    )) {
      const facts = inspectRequest(method, new Uint8Array(), openDigest);
      expect(facts).toMatchObject({ action: method.action, risk: method.risk, resource: 'node', summary: {} });
      expect(facts.canonical).toHaveLength(0);
      expect(inspectRequest(method, Buffer.alloc(0), openDigest)).toBe(facts);
    }
  });

  it('refuses a method that is not of a catalog', () => {
    const stray = { ...methodAt('/machine.MachineService/Version') };
    expect(refusal(() => inspectRequest(stray, new Uint8Array(), openDigest)).code).toBe('internal');
  });
});

/** `message Node { Node child = 1; }`; no request of the node API contains itself. */
function selfContaining(): DescMessage {
  const file = create(FileDescriptorProtoSchema, {
    name: 'node.proto',
    syntax: 'proto3',
    messageType: [
      {
        name: 'Node',
        field: [{ name: 'child', number: 1, type: Type.MESSAGE, label: Label.OPTIONAL, typeName: '.Node' }],
      },
    ],
  });
  const desc = createFileRegistry(file, () => undefined).getMessage('Node');
  if (desc === undefined) throw new Error('no descriptor');
  return desc;
}
