import { isUtf8 } from 'node:buffer';
import { GateError } from '../core/gate-error.ts';
import { WireCursor, WireError } from './wire-cursor.ts';
import type { FieldPlan, MessagePlan } from './wire-plan.ts';

// Protobuf decoders disagree about sloppy input: the node takes the last of two scalars, merges sub-messages and does
// not look at UTF-8. Whatever two decoders could read differently is refused here, so that what policy saw is what the
// node gets. Never add a case that skips bytes.

/** Messages in messages that are followed. Requests of the node API need 5. */
const maxDepth = 32;

/** Values in one message. 32 MiB of empty strings would otherwise keep the event loop busy for seconds. */
const maxValues = 65_536;

/**
 * Reads a whole message and refuses everything that is not plain: unknown fields, repeated singular fields, two members
 * of one oneof, wrong wire types, numbers out of range, unknown enum values, invalid UTF-8, cut input, deep nesting.
 * Returns whether the bytes already are the canonical encoding. Throws GateError `malformed-message` that names message
 * type and field and never repeats text of the request.
 */
export function scanMessage(plan: MessagePlan, bytes: Uint8Array): boolean {
  const cursor = new WireCursor(bytes);
  const canonical = scanFields(plan, cursor, bytes.length, 0);
  return canonical && cursor.minimal;
}

function scanFields(plan: MessagePlan, cursor: WireCursor, end: number, depth: number): boolean {
  if (depth > maxDepth) throw malformed(plan, 'is nested too deeply');
  let canonical = true;
  let seen = 0;
  let last = 0;
  while (cursor.position < end) {
    if ((cursor.values += 1) > maxValues) throw malformed(plan, `is in a message of more than ${maxValues} values`);
    const tag = readTag(plan, cursor, end);
    const number = tag >>> 3;
    const field = plan.fields[number];
    if (field === undefined) throw malformed(plan, `has an unknown field ${number}`);
    if (field.onlyAccepted !== undefined)
      throw malformed(plan, `${naming(field)} is not accepted here, only ${field.onlyAccepted}`);
    if (field.bit !== 0 && (seen & field.bit) !== 0) throw duplicate(plan, field);
    seen |= field.bit;
    if (number < last || (number === last && field.repeated && !field.delimited)) canonical = false;
    last = number;
    try {
      if (!scanValue(field, tag & 7, cursor, end, depth)) canonical = false;
    } catch (error) {
      throw error instanceof WireError ? malformed(plan, `${naming(field)} ${error.message}`) : error;
    }
  }
  if (plan.mustCarry !== '' && seen === 0) throw malformed(plan, `carries nothing, expected ${plan.mustCarry}`);
  return canonical;
}

function readTag(plan: MessagePlan, cursor: WireCursor, end: number): number {
  try {
    cursor.varint(end);
  } catch (error) {
    throw error instanceof WireError ? malformed(plan, error.message) : error;
  }
  if (cursor.high !== 0) throw malformed(plan, 'has a field number out of range');
  if (cursor.low >>> 3 === 0) throw malformed(plan, 'has a field number 0');
  return cursor.low;
}

/** Reads one record after its tag. Returns whether it stands as the canonical encoding has it. */
function scanValue(field: FieldPlan, wireType: number, cursor: WireCursor, end: number, depth: number): boolean {
  if (field.delimited) {
    if (wireType !== 2) throw new WireError(`has wire type ${wireType}, expected 2`);
    const length = cursor.length(end);
    return scanDelimited(field, cursor, cursor.position + length, depth) && !(field.implicit && length === 0);
  }
  if (field.repeated && wireType === 2) {
    const stop = cursor.length(end) + cursor.position;
    const empty = cursor.position === stop;
    while (cursor.position < stop) {
      if ((cursor.values += 1) > maxValues) throw new WireError(`has more than ${maxValues} values`);
      scanNumber(field, cursor, stop);
    }
    return !empty;
  }
  if (wireType !== 0) throw new WireError(`has wire type ${wireType}, expected 0`);
  scanNumber(field, cursor, end);
  return !field.repeated && !(field.implicit && cursor.low === 0 && cursor.high === 0);
}

function scanDelimited(field: FieldPlan, cursor: WireCursor, stop: number, depth: number): boolean {
  if (field.message !== undefined) {
    const canonical = scanFields(field.message, cursor, stop, depth + 1);
    return canonical && field.kind !== 'map'; // the order of entries is settled by encoding again
  }
  if (field.kind === 'string' && !isText(cursor.bytes, cursor.position, stop))
    throw new WireError('is not valid UTF-8');
  cursor.position = stop;
  return true;
}

function scanNumber(field: FieldPlan, cursor: WireCursor, end: number): void {
  cursor.varint(end);
  const { low, high } = cursor;
  if (!inRange(field, low, high)) throw new WireError('has a value out of range');
  if (field.enumValues !== undefined && !field.enumValues.has(low | 0)) {
    throw new WireError(`has an unknown value ${low | 0}`);
  }
}

/** Negative 32-bit numbers are encoded in 64 bits, sign-extended. */
function inRange(field: FieldPlan, low: number, high: number): boolean {
  switch (field.kind) {
    case 'bool':
      return high === 0 && low <= 1;
    case 'uint32':
      return high === 0;
    case 'int32':
    case 'enum':
      return (high === 0 && low <= 0x7fffffff) || (high === 0xffffffff && low > 0x7fffffff);
    default:
      return true;
  }
}

function isText(bytes: Uint8Array, start: number, stop: number): boolean {
  if (stop - start > 64) return isUtf8(bytes.subarray(start, stop));
  for (let at = start; at < stop; at += 1) {
    if ((bytes[at] ?? 0) >= 0x80) return isUtf8(bytes.subarray(start, stop));
  }
  return true;
}

function duplicate(plan: MessagePlan, field: FieldPlan): GateError {
  if (field.oneof === undefined) return malformed(plan, `${naming(field)} comes twice`);
  return malformed(plan, `${naming(field)} comes twice or beside another member of "${field.oneof}"`);
}

const naming = (field: FieldPlan): string => `field ${field.number} (${field.name})`;

const malformed = (plan: MessagePlan, what: string): GateError =>
  new GateError('malformed-message', `${plan.typeName} ${what}`);
