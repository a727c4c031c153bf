import type { ParsedHead } from '../core/request-head.ts';

/** Reads the raw header list of a `stream` event: name, value, name, value. */
export function parseRequestHead(_rawHeaders: readonly string[]): ParsedHead {
  throw new Error('under construction');
}
