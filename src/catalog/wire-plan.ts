import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';

/** How the value of a field is read and what is checked about it. */
type ValueKind = 'bool' | 'int32' | 'uint32' | 'enum' | 'int64' | 'string' | 'bytes' | 'message' | 'map';

/** What the scanner must know of one field, worked out once from its descriptor. */
export interface FieldPlan {
  readonly number: number;
  readonly name: string;
  readonly kind: ValueKind;
  /** True where one value stands as length and bytes; false where it is a varint. */
  readonly delimited: boolean;
  readonly repeated: boolean;
  /** True where the zero value means absent, so that the canonical form leaves it out. */
  readonly implicit: boolean;
  /** Bit of this field, or of the oneof it belongs to: two records with the same bit are a duplicate. 0 if repeated. */
  readonly bit: number;
  readonly oneof: string | undefined;
  readonly enumValues: ReadonlySet<number> | undefined;
  /** Plan of a message field, or of the entries of a map field. */
  readonly message: MessagePlan | undefined;
  /** Set where the place in a stream forbids the field: says what is accepted there. */
  readonly onlyAccepted: string | undefined;
}

/** The scanner's view of one message type. */
export interface MessagePlan {
  readonly typeName: string;
  /** By field number; a hole is an unknown field. */
  readonly fields: readonly (FieldPlan | undefined)[];
  /** Members of a oneof of which one must be present, as a list for people. Empty: nothing is required. */
  readonly mustCarry: string;
}

/**
 * Works out the plan for a message type and everything below it. With `accepted`, fields that none of its dotted paths
 * leads to are refused, and where a path starts in a oneof one of its members must be there.
 * Throws on shapes that no request of the node API has (groups, zigzag and fixed-width numbers, floats, more than 31
 * fields): the scanner has no code for them, so a method that uses one must not start.
 */
export function compileWirePlan(desc: DescMessage, accepted: readonly string[] = []): MessagePlan {
  return accepted.length === 0 ? compileMessage(desc, new Map()) : compileLimited(desc, accepted, accepted.join(', '));
}

type ChildPlan = (desc: DescMessage) => MessagePlan;

function compileMessage(desc: DescMessage, known: Map<string, MessagePlan>): MessagePlan {
  const before = known.get(desc.typeName);
  if (before !== undefined) return before;
  const fields: FieldPlan[] = [];
  const plan: MessagePlan = { typeName: desc.typeName, fields, mustCarry: '' };
  known.set(desc.typeName, plan);
  for (const field of desc.fields) fields[field.number] = compileField(field, child => compileMessage(child, known));
  return plan;
}

function compileLimited(desc: DescMessage, accepted: readonly string[], shown: string): MessagePlan {
  const fields: FieldPlan[] = [];
  const required: string[] = [];
  for (const field of desc.fields) {
    const whole = accepted.includes(field.name);
    const below = accepted
      .filter(path => path.startsWith(`${field.name}.`))
      .map(path => path.slice(field.name.length + 1));
    const plan = compileField(field, child =>
      below.length > 0 && !whole ? compileLimited(child, below, shown) : compileMessage(child, new Map()),
    );
    const open = whole || below.length > 0;
    fields[field.number] = open ? plan : { ...plan, onlyAccepted: shown };
    if (open && field.oneof !== undefined) required.push(field.name);
  }
  return { typeName: desc.typeName, fields, mustCarry: required.join(' or ') };
}

function compileField(field: DescField, child: ChildPlan): FieldPlan {
  const { typeName, fields } = field.parent;
  if (fields.length > 31) throw new Error(`${typeName} has more than 31 fields`);
  if (field.number > 1000) throw new Error(`${typeName}.${field.name} has a number above 1000`);
  const repeated = field.fieldKind === 'list' || field.fieldKind === 'map';
  const value = valueOf(field, child);
  return {
    number: field.number,
    name: field.name,
    ...value,
    ...(field.fieldKind === 'map' && { kind: 'map', delimited: true, message: mapEntry(field, value) }),
    repeated,
    implicit: !repeated && field.presence === FeatureSet_FieldPresence.IMPLICIT,
    bit: repeated ? 0 : 1 << fields.indexOf(field.oneof?.fields[0] ?? field),
    oneof: field.oneof?.name,
    onlyAccepted: undefined,
  };
}

type ValuePlan = Pick<FieldPlan, 'kind' | 'delimited' | 'enumValues' | 'message'>;

/** A map entry is a message of its own on the wire: key is field 1, value is field 2. */
function mapEntry(field: DescField & { fieldKind: 'map' }, value: ValuePlan): MessagePlan {
  const typeName = `${field.parent.typeName}.${field.name}`;
  if (field.mapKey !== ScalarType.STRING) throw new Error(`${typeName} is a map whose keys are no strings`);
  const part = { repeated: false, implicit: false, oneof: undefined, onlyAccepted: undefined };
  const text: ValuePlan = { kind: 'string', delimited: true, enumValues: undefined, message: undefined };
  const fields: FieldPlan[] = [];
  fields[1] = { ...part, ...text, number: 1, name: 'key', bit: 1 };
  fields[2] = { ...part, ...value, number: 2, name: 'value', bit: 2 };
  return { typeName, fields, mustCarry: '' };
}

function valueOf(field: DescField, child: ChildPlan): ValuePlan {
  if (field.message !== undefined) {
    if ('delimitedEncoding' in field && field.delimitedEncoding) throw unsupported(field);
    return { kind: 'message', delimited: true, enumValues: undefined, message: child(field.message) };
  }
  if (field.enum !== undefined) {
    const enumValues = new Set(field.enum.values.map(value => value.number));
    return { kind: 'enum', delimited: false, enumValues, message: undefined };
  }
  const kind = scalarKinds.get(field.scalar);
  if (kind === undefined) throw unsupported(field);
  return { kind, delimited: kind === 'string' || kind === 'bytes', enumValues: undefined, message: undefined };
}

const unsupported = (field: DescField): Error =>
  new Error(`${field.parent.typeName}.${field.name} has a type that no request has had so far`);

const scalarKinds: ReadonlyMap<ScalarType | undefined, ValueKind> = new Map([
  [ScalarType.BOOL, 'bool'],
  [ScalarType.INT32, 'int32'],
  [ScalarType.UINT32, 'uint32'],
  [ScalarType.INT64, 'int64'],
  [ScalarType.UINT64, 'int64'],
  [ScalarType.STRING, 'string'],
  [ScalarType.BYTES, 'bytes'],
]);
