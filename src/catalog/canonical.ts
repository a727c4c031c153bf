import { type DescMessage, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { GateError } from '../core/gate-error.ts';
import type { Decoded } from './field-reader.ts';
import type { MessagePlan } from './wire-plan.ts';
import { scanMessage } from './wire-scan.ts';

/** A request that has one meaning only. */
interface StrictMessage {
  readonly message: Decoded;
  /**
   * The encoding with fields by number, map entries by key, the shortest numbers and no zero values. Equal messages
   * have equal bytes. It is the payload itself when that already was canonical: nothing is copied then.
   */
  readonly canonical: Uint8Array;
}

/** Decodes strictly. Throws GateError `malformed-message`, see `scanMessage`. */
export function decodeStrict(desc: DescMessage, plan: MessagePlan, payload: Uint8Array): StrictMessage {
  const isCanonical = scanMessage(plan, payload);
  const message = decode(desc, payload);
  if (isCanonical) return { message: asDecoded(message), canonical: payload };
  sortMaps(desc, message);
  return { message: asDecoded(message), canonical: toBinary(desc, message) };
}

/** The scan leaves nothing that the decoder could refuse; should they disagree, the request is refused all the same. */
function decode(desc: DescMessage, payload: Uint8Array): Message {
  try {
    return fromBinary(desc, payload);
  } catch (cause) {
    throw new GateError('malformed-message', `${desc.typeName} cannot be decoded`, { cause });
  }
}

const asDecoded = (message: Message): Decoded => message;

/** Maps are written in the order of their keys in memory, so that order has to be made. Goes into single messages and lists. */
function sortMaps(desc: DescMessage, message: Record<string, unknown>): void {
  for (const field of desc.fields) {
    const oneof =
      field.oneof === undefined ? undefined : (message[field.oneof.localName] as { case?: string; value?: unknown });
    const value =
      oneof === undefined ? message[field.localName] : oneof.case === field.localName ? oneof.value : undefined;
    if (value === undefined || value === null) continue;
    if (field.fieldKind === 'map') message[field.localName] = sortEntries(value as Record<string, unknown>);
    else if (field.fieldKind === 'message') sortMaps(field.message, value as Record<string, unknown>);
    else if (field.fieldKind === 'list' && field.listKind === 'message') {
      for (const item of value as Record<string, unknown>[]) sortMaps(field.message, item);
    }
  }
}

/** `fromEntries` makes own properties of names like `__proto__` too, which an assignment would not. */
function sortEntries(entries: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)));
}
