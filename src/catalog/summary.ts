import { create, type DescField, type DescMessage, type Message, ScalarType, toBinary } from '@bufbuild/protobuf';
import type { Duration } from '@bufbuild/protobuf/wkt';
import { GateError } from '../core/gate-error.ts';
import type { AuditValue } from '../core/method.ts';
import { displayText, jsonSize, wholeText } from './display-text.ts';
import { isLeaf, resolvePath } from './field-path.ts';
import { type Decoded, enumTexts, FieldReader, type Read, readField } from './field-reader.ts';

/** Length and keyed digest of a value that the log must not hold. `field` is its dotted path. */
export type FieldDigest = (field: string, value: Uint8Array) => { readonly length: string; readonly digest: string };

export type Summarize = (message: Decoded, digest: FieldDigest) => Readonly<Record<string, AuditValue>>;

/** Items of a list that are shown. */
const maxItems = 32;

/** Bytes of JSON for everything whose length the caller chooses; the rest of 16 KiB is for names and fixed values. */
const maxBytes = 12 * 1024;

/** The same for a request that is shown whole; less, so that a record always has room for it. */
const maxWholeBytes = 8 * 1024;

/**
 * Compiles the audit summary of a request type: `show` fields as text or booleans, lists cut to 32 items, `digest`
 * fields through the caller's digest, with the names in front where it is a map; everything else stays out. A summary
 * never takes more than 16 KiB as JSON, and no field can crowd out another. Absent lists, messages and optional fields
 * are left out; a plain field that was not set shows its zero value, because `mode: reboot` and `graceful: false` are
 * zero values.
 * With `whole`, for requests that somebody has to agree to, nothing is cut or masked: making the summary throws
 * GateError `malformed-message` when it does not fit.
 * Compiling throws when a path leads nowhere or a field cannot be shown.
 */
export function compileSummary(
  desc: DescMessage,
  show: readonly string[],
  digests: readonly string[],
  whole: boolean,
): Summarize {
  const shown = show.map(path => ({ path, read: compileShow(desc, path) }));
  const digested = digests.map(path => ({ path, read: compileDigest(desc, path), names: compileNames(desc, path) }));
  const lists = shown.length + digested.filter(({ names }) => names !== undefined).length;
  const share = Math.floor(maxBytes / Math.max(1, lists));
  return (message, digest) => {
    const summary: Record<string, AuditValue> = {};
    const together = { left: maxWholeBytes, whole };
    const budget = (): Budget => (whole ? together : { left: share, whole });
    for (const { path, read } of shown) {
      const value = read(message, budget());
      if (value !== undefined) summary[path] = value;
    }
    for (const { path, read, names } of digested) {
      const value = read(message);
      if (value === undefined) continue;
      const entry = digest(path, value);
      summary[path] = names === undefined ? entry : [...showList(names(message), showText, budget()), entry];
    }
    return summary;
  };
}

/** Bytes that a field may still take. */
interface Budget {
  left: number;
  /** True where refusing comes before cutting. */
  readonly whole: boolean;
}

type Show = (message: Decoded, budget: Budget) => AuditValue | undefined;

function compileShow(desc: DescMessage, path: string): Show {
  const [field, next] = resolvePath(desc, path);
  const read = readField(field);
  const one = next === undefined ? compileLeaf(field) : below(field, path.slice(field.name.length + 1));
  if (field.fieldKind !== 'list') {
    return (message, budget) => {
      const value = read(message);
      return value === undefined ? undefined : one(value, budget);
    };
  }
  return (message, budget) => {
    const items = read(message) as readonly unknown[];
    return items.length === 0 ? undefined : showList(items, one, budget);
  };
}

function below(field: DescField, rest: string): (value: unknown, budget: Budget) => AuditValue | undefined {
  if (field.message === undefined) throw new Error(`${field.parent.typeName}.${field.name} has no fields`);
  const show = compileShow(field.message, rest);
  return (value, budget) => show(value as Decoded, budget);
}

function showList(
  items: readonly unknown[],
  one: (value: unknown, budget: Budget) => AuditValue | undefined,
  budget: Budget,
): AuditValue[] {
  const out: AuditValue[] = [];
  for (const item of items.slice(0, maxItems)) {
    const value = one(item, budget) ?? [];
    budget.left -= typeof value === 'string' ? jsonSize(value) + 1 : 8;
    if (budget.left < 0) break;
    out.push(value);
  }
  if (out.length < items.length && budget.whole) throw notWhole();
  if (out.length < items.length) out.push(`… (${items.length - out.length} more)`);
  return out;
}

const showText = (value: unknown, { whole }: Budget): AuditValue => {
  const shown = whole ? wholeText(value as string) : displayText(value as string);
  if (shown === undefined) throw notWhole();
  return shown;
};

function notWhole(): GateError {
  const message =
    'the request is too long for an approver to see all of it ' +
    `(${maxItems} parameters, 1 KiB for each, ${maxWholeBytes / 1024} KiB together): shorten the parameters`;
  return new GateError('malformed-message', message);
}

function compileLeaf(field: DescField): (value: unknown, budget: Budget) => AuditValue {
  if (field.message?.typeName === 'google.protobuf.Duration') return value => durationText(value as Duration);
  if (!isLeaf(field) || field.fieldKind === 'map' || field.scalar === ScalarType.BYTES) {
    throw new Error(`${field.parent.typeName}.${field.name} cannot be shown, digest or drop it`);
  }
  if (field.enum !== undefined) {
    const names = enumTexts(field.enum);
    return value => names.get(value as number) ?? String(value);
  }
  if (field.scalar === ScalarType.STRING) return showText;
  if (field.scalar === ScalarType.BOOL) return value => value as boolean;
  return value => String(value);
}

/** Seconds with a fraction where there is one, as protobuf's JSON form has it: `60s`, `1.5s`. */
function durationText({ seconds, nanos }: Duration): string {
  const sign = seconds < 0n || nanos < 0 ? '-' : '';
  const whole = seconds < 0n ? -seconds : seconds;
  const fraction = Math.abs(nanos).toString().padStart(9, '0').replace(/0+$/, '');
  return `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}s`;
}

/** Names in a map are no secret and say a lot (`LD_PRELOAD`); undefined for what is no map. */
function compileNames(desc: DescMessage, path: string): Read<readonly string[]> | undefined {
  return resolvePath(desc, path).at(-1)?.fieldKind === 'map' ? new FieldReader(desc).keys(path) : undefined;
}

/**
 * The bytes that a digest stands on: a string or bytes as it is; anything else as the encoding of a message that holds
 * only this field, which is the same for equal values. Undefined when the field is not set.
 */
function compileDigest(desc: DescMessage, path: string): Read<Uint8Array | undefined> {
  const fields = resolvePath(desc, path);
  const [field, next] = fields;
  const read = readField(field);
  if (next !== undefined) {
    if (field.fieldKind !== 'message')
      throw new Error(`${desc.typeName}.${path}: only fields of single messages have a digest`);
    const rest = compileDigest(field.message, path.slice(field.name.length + 1));
    return message => {
      const value = read(message);
      return value === undefined ? undefined : rest(value as Decoded);
    };
  }
  const plain = field.fieldKind === 'scalar' && field.oneof === undefined;
  return message => {
    const value = read(message);
    if (plain && value instanceof Uint8Array) return value.length === 0 ? undefined : value;
    if (plain && typeof value === 'string') return value === '' ? undefined : Buffer.from(value);
    const only = create(desc) as Message & Record<string, unknown>;
    only[field.localName] = value;
    const bytes = toBinary(desc, only);
    return bytes.length === 0 ? undefined : bytes;
  };
}
