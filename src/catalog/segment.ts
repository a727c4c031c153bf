import { GateError } from '../core/gate-error.ts';

/** Longest value that may become part of a resource, in UTF-16 units: the kernel's limit on a path. */
const maxValue = 4096;

const plain = /^[A-Za-z0-9._:@+=,~-]+$/;

/**
 * Makes one segment of a resource out of a value of the request: bytes outside `A-Za-z0-9._:@+=,~-` become `%XX`, an
 * empty value becomes `-`. So a `*` or `/` of the caller never looks like a wildcard or a boundary to policy.
 * Throws GateError `malformed-message` when the value is longer than 4096.
 */
export function encodeSegment(value: string): string {
  if (value.length > maxValue) {
    throw new GateError('malformed-message', `a value that policy has to judge is longer than ${maxValue} characters`);
  }
  if (value === '') return '-';
  if (plain.test(value)) return value;
  let out = '';
  for (const byte of Buffer.from(value)) {
    const char = String.fromCharCode(byte);
    out += plain.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}
