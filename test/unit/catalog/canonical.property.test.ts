import { create, type DescField, type DescMessage, equals, fromBinary, ScalarType, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeStrict } from '../../../src/catalog/canonical.ts';
import { planOf } from '../../../src/catalog/method-plan.ts';
import { compileWirePlan, type MessagePlan } from '../../../src/catalog/wire-plan.ts';
import { GateError } from '../../../src/core/gate-error.ts';
import { catalog, refusal } from './support.ts';
import { bytes, contentOf, joinRecords, splitRecords, tag, varint, type WireRecord } from './wire.ts';

const requests = [
  ...new Map(catalog.methods.map(method => [planOf(method).input.typeName, planOf(method).input])).values(),
];
const plans = new Map<DescMessage, MessagePlan>(requests.map(desc => [desc, compileWirePlan(desc)]));

function canonical(desc: DescMessage, payload: Uint8Array): Buffer {
  const plan = plans.get(desc);
  if (plan === undefined) throw new Error('no plan');
  return Buffer.from(decodeStrict(desc, plan, payload).canonical);
}

/** A request type with fields and a message of it. */
const samples = fc
  .constantFrom(...requests.filter(desc => desc.fields.length > 0))
  .chain(desc => messageOf(desc).map(init => ({ desc, message: create(desc, init) })));

describe('canonical encoding', { timeout: 60_000 }, () => {
  it('of a decoded message decodes to the same message, and is its own canonical encoding', () => {
    fc.assert(
      fc.property(samples, ({ desc, message }) => {
        const once = canonical(desc, toBinary(desc, message));
        expect(equals(desc, fromBinary(desc, once), message)).toBe(true);
        expect(canonical(desc, once)).toEqual(once);
      }),
      { numRuns: 600 },
    );
  });

  it('does not depend on the order of fields, on packing or on padding, at any depth', () => {
    fc.assert(
      fc.property(samples, fc.infiniteStream(fc.nat()), ({ desc, message }, dice) => {
        const plain = toBinary(desc, message);
        const other = disguise(desc, plain, () => Number(dice.next().value));
        expect(canonical(desc, other)).toEqual(canonical(desc, plain));
      }),
      { numRuns: 600 },
    );
  });

  it('is refused to a message with a single record twice, in any message of it', () => {
    fc.assert(
      fc.property(samples, fc.nat(), ({ desc, message }, pick) => {
        const payload = tamper(desc, toBinary(desc, message), pick, (type, records) => {
          const singular = records.filter(record => !isRepeated(fieldOf(type, record)));
          const twice = singular[pick % Math.max(1, singular.length)];
          return twice === undefined ? undefined : [...records, twice];
        });
        fc.pre(payload !== undefined);
        expect(refusal(() => canonical(desc, payload)).message).toContain('comes twice');
      }),
      { numRuns: 300 },
    );
  });

  it('is refused to a message with an unknown field, in any message of it', () => {
    fc.assert(
      fc.property(samples, fc.nat(), fc.integer({ min: 100, max: 5000 }), ({ desc, message }, pick, at) => {
        const stranger: WireRecord = { number: at, wireType: 0, data: varint(1) };
        const payload = tamper(desc, toBinary(desc, message), pick, (_type, records) => [...records, stranger]);
        fc.pre(payload !== undefined);
        expect(refusal(() => canonical(desc, payload)).message).toContain(`unknown field ${at}`);
      }),
      { numRuns: 300 },
    );
  });

  it('agrees with an independent decoder and encoder on whatever bytes get through', () => {
    let accepted = 0;
    fc.assert(
      fc.property(
        samples,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
        ({ desc, message }, changes) => {
          const payload = Buffer.from(toBinary(desc, message));
          for (const [at, value] of changes) if (payload.length > 0) payload.writeUInt8(value, at % payload.length);
          const once = tryCanonical(desc, payload);
          if (once === undefined) return;
          accepted += 1;
          expect(equals(desc, fromBinary(desc, once), fromBinary(desc, payload))).toBe(true);
          expect(once).toHaveLength(toBinary(desc, fromBinary(desc, payload)).length);
          expect(canonical(desc, once)).toEqual(once);
        },
      ),
      { numRuns: 1500 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  it('is refused to noise with GateError and nothing else', () => {
    fc.assert(
      fc.property(fc.constantFrom(...requests), fc.uint8Array({ minLength: 1, maxLength: 40 }), (desc, noise) => {
        const once = tryCanonical(desc, noise);
        if (once !== undefined) expect(canonical(desc, once)).toEqual(once);
      }),
      { numRuns: 2000 },
    );
  });
});

function tryCanonical(desc: DescMessage, payload: Uint8Array): Buffer | undefined {
  try {
    return canonical(desc, payload);
  } catch (error) {
    expect(error).toBeInstanceOf(GateError);
    return undefined;
  }
}

/** Changes the records of the message or, half of the time, of a message in it. Undefined when `edit` finds nothing. */
function tamper(
  desc: DescMessage,
  payload: Uint8Array,
  pick: number,
  edit: (desc: DescMessage, records: WireRecord[]) => WireRecord[] | undefined,
): Uint8Array | undefined {
  const records = splitRecords(payload);
  const hosts = records.filter(record => fieldOf(desc, record).fieldKind === 'message');
  const host = pick % 2 === 0 ? hosts[pick % Math.max(1, hosts.length)] : undefined;
  const type = host && fieldOf(desc, host).message;
  if (host === undefined || type === undefined) {
    const edited = edit(desc, records);
    return edited && joinRecords(edited);
  }
  const inner = tamper(type, contentOf(host), pick >> 1, edit);
  if (inner === undefined) return undefined;
  return joinRecords(records.with(records.indexOf(host), { ...host, data: lengthOf(inner) }));
}

const isRepeated = (one: DescField): boolean => one.fieldKind === 'list' || one.fieldKind === 'map';

const lengthOf = (content: Uint8Array): Uint8Array => bytes(varint(content.length), content);

function fieldOf(desc: DescMessage, record: WireRecord): DescField {
  const found = desc.fields.find(one => one.number === record.number);
  if (found === undefined) throw new Error(`no field ${record.number}`);
  return found;
}

/** The same message written another way: fields shuffled (order within a list kept), lists unpacked, lengths padded. */
function disguise(desc: DescMessage, plain: Uint8Array, dice: () => number): Uint8Array {
  const records = splitRecords(plain).flatMap(record => {
    const one = fieldOf(desc, record);
    if (one.fieldKind === 'list' && one.listKind !== 'message' && one.packed && dice() % 2 === 0) return unpack(record);
    const below = one.fieldKind === 'map' ? undefined : one.message;
    return [below === undefined ? record : { ...record, data: lengthOf(disguise(below, contentOf(record), dice)) }];
  });
  // Entries of a map have no order; items of a list do.
  const groups = Map.groupBy(records, record => (fieldOf(desc, record).fieldKind === 'map' ? record : record.number));
  const shuffled: Uint8Array[] = [];
  while (groups.size > 0) {
    const key = [...groups.keys()][dice() % groups.size] ?? 0;
    const [first, ...rest] = groups.get(key) ?? [];
    if (rest.length > 0) groups.set(key, rest);
    else groups.delete(key);
    if (first !== undefined) shuffled.push(dice() % 4 === 0 ? padTag(first) : joinRecords([first]));
  }
  return bytes(...shuffled);
}

/** A packed list of small enum values, one record each. */
function unpack(record: WireRecord): WireRecord[] {
  return [...contentOf(record)].map(value => ({ number: record.number, wireType: 0, data: Buffer.of(value) }));
}

function padTag(record: WireRecord): Uint8Array {
  const plain = Buffer.from(tag(record.number, record.wireType));
  return bytes(...plain.subarray(0, -1), plain.readUInt8(plain.length - 1) | 0x80, 0x00, record.data);
}

/** Field values for any request type: made from its descriptor, so that new methods are covered by themselves. */
function messageOf(desc: DescMessage): fc.Arbitrary<Record<string, unknown>> {
  const plain = desc.fields.filter(one => one.oneof === undefined);
  const shape: Record<string, fc.Arbitrary<unknown>> = {};
  for (const one of plain) shape[one.localName] = valueOf(one);
  for (const oneof of desc.oneofs) {
    shape[oneof.localName] = fc.oneof(
      fc.constant({ case: undefined }),
      ...oneof.fields.map(one => valueOf(one).map(value => ({ case: one.localName, value }))),
    );
  }
  return fc.record(shape, { requiredKeys: [] });
}

function valueOf(one: DescField): fc.Arbitrary<unknown> {
  if (one.fieldKind === 'list') return fc.array(singleOf(one), { maxLength: 4 });
  if (one.fieldKind === 'map') return fc.dictionary(texts, singleOf(one), { maxKeys: 4 });
  return singleOf(one);
}

function singleOf(one: DescField): fc.Arbitrary<unknown> {
  if (one.message !== undefined) return messageOf(one.message);
  if (one.enum !== undefined) return fc.constantFrom(...one.enum.values.map(value => value.number));
  switch (one.scalar) {
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.STRING:
      return texts;
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 20 });
    case ScalarType.INT32:
      return fc.integer();
    case ScalarType.UINT32:
      return fc.nat(0xffffffff);
    case ScalarType.INT64:
      return fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
    case ScalarType.UINT64:
      return fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
    default:
      throw new Error(`no values for ${one.name}`);
  }
}

const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.constantFrom('', '__proto__', '10', '9', 'kubelet', '/etc/hosts', '\u{feff}x', '\u{202e}x'),
);
