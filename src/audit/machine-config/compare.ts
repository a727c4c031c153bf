import type { AuditValue } from '../../core/method.ts';
import type { RedactedValue } from './redact.ts';

/** Bytes of JSON that the list of changes may take; a record has 16 KiB for everything. */
const mostBytes = 8 * 1024;

/**
 * What differs between two redacted configurations, by path: `['+', path, new]`, `['-', path, old]`, `['~', path, old,
 * new]`. Cut to 8 KiB with a last entry that says how many more there are.
 */
export function changesBetween(
  before: ReadonlyMap<string, RedactedValue>,
  after: ReadonlyMap<string, RedactedValue>,
): { readonly count: number; readonly changes: readonly AuditValue[] } {
  const all: AuditValue[] = [];
  for (const [path, value] of after) {
    const old = before.get(path);
    if (old === undefined) all.push(['+', path, value]);
    else if (!same(old, value)) all.push(['~', path, old, value]);
  }
  for (const [path, old] of before) if (!after.has(path)) all.push(['-', path, old]);
  const changes: AuditValue[] = [];
  let left = mostBytes;
  for (const change of all) {
    left -= Buffer.byteLength(JSON.stringify(change)) + 1;
    if (left < 0 || changes.length >= 200) break;
    changes.push(change);
  }
  if (changes.length < all.length) changes.push(`… (${all.length - changes.length} more)`);
  return { count: all.length, changes };
}

function same(a: RedactedValue, b: RedactedValue): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b;
  return a.digest === b.digest && a.length === b.length;
}
