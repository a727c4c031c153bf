import { type DescEnum, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { resolvePath } from './field-path.ts';

/** A decoded request, by protobuf-es property names. */
export type Decoded = Readonly<Record<string, unknown>>;

/** A reader compiled once for a method and called per request. */
export type Read<Value> = (message: Decoded) => Value;

/**
 * Hands out readers for the fields of one request type and remembers which fields were asked for, so that start-up can
 * check them against the fields policy may look at. Every method throws when the path leads nowhere or to another type.
 */
export class FieldReader {
  readonly desc: DescMessage;
  readonly used = new Set<string>();

  constructor(desc: DescMessage) {
    this.desc = desc;
  }

  /** True where the request type has such a field. */
  has(path: string): boolean {
    try {
      resolvePath(this.desc, path);
      return true;
    } catch {
      return false;
    }
  }

  /** Text of a singular string; '' when absent. */
  string(path: string): Read<string> {
    const read = this.optionalString(path);
    return message => read(message) ?? '';
  }

  /** Text of a singular string; undefined when absent, for fields that tell absent from empty. */
  optionalString(path: string): Read<string | undefined> {
    const { field, read } = this.#open(path);
    if (field.fieldKind !== 'scalar' || field.scalar !== ScalarType.STRING) throw wrong(field, 'a string');
    return read as Read<string | undefined>;
  }

  strings(path: string): Read<readonly string[]> {
    const { field, read } = this.#open(path);
    if (field.fieldKind !== 'list' || field.listKind !== 'scalar' || field.scalar !== ScalarType.STRING) {
      throw wrong(field, 'a list of strings');
    }
    return message => (read(message) as readonly string[] | undefined) ?? [];
  }

  bool(path: string): Read<boolean> {
    const { field, read } = this.#open(path);
    if (field.fieldKind !== 'scalar' || field.scalar !== ScalarType.BOOL) throw wrong(field, 'a bool');
    return message => read(message) === true;
  }

  /** Keys of a map with string keys, sorted; none when absent. */
  keys(path: string): Read<readonly string[]> {
    const { field, read } = this.#open(path);
    if (field.fieldKind !== 'map' || field.mapKey !== ScalarType.STRING) throw wrong(field, 'a map by string');
    return message => Object.keys((read(message) as Readonly<Record<string, unknown>> | undefined) ?? {}).sort();
  }

  /** Sub-messages of a list; their fields are read with a reader of their own and counted as used here. */
  list<Value>(path: string, below: (reader: FieldReader) => Read<Value>): Read<readonly Value[]> {
    const { field, read } = this.#open(path);
    if (field.fieldKind !== 'list' || field.listKind !== 'message') throw wrong(field, 'a list of messages');
    const reader = new FieldReader(field.message);
    const readItem = below(reader);
    this.used.delete(path);
    for (const name of reader.used) this.used.add(`${path}.${name}`);
    return message => ((read(message) as readonly Decoded[] | undefined) ?? []).map(readItem);
  }

  /** Text of a string, bool, number or enum: enum values lower-case with `-` for `_`. Absent counts as zero. */
  text(path: string): Read<string> {
    const { field, read } = this.#open(path);
    if (field.fieldKind === 'enum') {
      const names = enumTexts(field.enum);
      return message => names.get((read(message) as number | undefined) ?? 0) ?? '';
    }
    if (field.fieldKind !== 'scalar' || field.scalar === ScalarType.BYTES) throw wrong(field, 'a plain value');
    const zero = field.scalar === ScalarType.STRING ? '' : field.scalar === ScalarType.BOOL ? 'false' : '0';
    return message => {
      const value = read(message) as string | number | bigint | boolean | undefined;
      return value === undefined ? zero : String(value);
    };
  }

  #open(path: string): { field: DescField; read: Read<unknown> } {
    this.used.add(path);
    const fields = resolvePath(this.desc, path);
    const field = fields.at(-1) ?? fields[0];
    const list = fields.slice(0, -1).find(step => step.fieldKind !== 'message');
    if (list !== undefined) throw wrong(list, 'a single message');
    return { field, read: chain(fields.map(readField)) };
  }
}

/** Reads one field of the message that holds it; undefined when it is absent. */
export function readField(field: DescField): Read<unknown> {
  const name = field.localName;
  const oneof = field.oneof?.localName;
  if (oneof === undefined) return message => message[name];
  return message => {
    const member = message[oneof] as { case?: string; value?: unknown };
    return member.case === name ? member.value : undefined;
  };
}

/** Names of enum values as policy and audit show them: `PROFILE_HOST_NS` is `profile-host-ns`. */
export function enumTexts(desc: DescEnum): ReadonlyMap<number, string> {
  return new Map(desc.values.map(value => [value.number, value.name.toLowerCase().replaceAll('_', '-')]));
}

/** Follows singular fields down; undefined as soon as one is absent. */
function chain(steps: readonly Read<unknown>[]): Read<unknown> {
  const [first, second, ...more] = steps;
  if (first === undefined) throw new Error('empty field path');
  if (second === undefined) return first;
  const rest = chain([second, ...more]);
  return message => {
    const value = first(message);
    return value === undefined ? undefined : rest(value as Decoded);
  };
}

function wrong(field: DescField, expected: string): Error {
  return new Error(`${field.parent.typeName}.${field.name} is not ${expected}`);
}
