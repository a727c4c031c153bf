import type { Queryable } from '../db/query.ts';
import { ask } from './ask.ts';
import { type Clause, segmentWidth } from './terms.ts';

/**
 * One bit for each record of a segment that satisfies every clause; segments without any are left out. Clauses are read one
 * after the other, prefixes and networks last, and only for segments where the ones before leave something.
 */
export async function readLists(
  on: Queryable,
  clauses: readonly Clause[],
  segments: readonly number[],
): Promise<ReadonlyMap<number, Uint8Array>> {
  const [first, ...others] = clauses.toSorted((a, b) => breadth(a) - breadth(b));
  let left = first === undefined ? new Map<number, Uint8Array>() : await readList(on, first, segments);
  for (const clause of others) {
    if (left.size === 0) break;
    const list = await readList(on, clause, [...left.keys()]);
    left = new Map([...left].filter(([segment, bits]) => keepCommon(bits, list.get(segment))));
  }
  return left;
}

function breadth(clause: Clause): number {
  return 'values' in clause ? clause.values.length : Number.MAX_SAFE_INTEGER;
}

async function readList(on: Queryable, clause: Clause, segments: readonly number[]): Promise<Map<number, Uint8Array>> {
  const [which, values] =
    'values' in clause
      ? ['value = ANY ($3::text[])', [clause.values]]
      : ['value BETWEEN $3 AND $4', [clause.from, clause.to]];
  const rows = await ask<{ segment: number; words: Buffer }>(
    on,
    `SELECT segment, words FROM talosgate.audit_term WHERE segment = ANY ($1::integer[]) AND field = $2 AND ${which}`,
    [segments, clause.field, ...values],
  );
  const lists = new Map<number, Uint8Array>();
  for (const { segment, words } of rows) addWords(bitsIn(lists, segment), words);
  return lists;
}

function bitsIn(lists: Map<number, Uint8Array>, segment: number): Uint8Array {
  const bits = lists.get(segment) ?? new Uint8Array(segmentWidth / 8);
  lists.set(segment, bits);
  return bits;
}

/** Nine bytes each: which 64 records, then their bits. */
function addWords(bits: Uint8Array, words: Uint8Array): void {
  for (let at = 0; at + 9 <= words.length; at += 9) {
    const start = (words[at] ?? 0) * 8;
    for (let byte = 0; byte < 8; byte += 1)
      bits[start + byte] = (bits[start + byte] ?? 0) | (words[at + 1 + byte] ?? 0);
  }
}

/** Takes away what the other does not have; false when nothing is left. */
function keepCommon(bits: Uint8Array, other: Uint8Array | undefined): boolean {
  if (other === undefined) return false;
  let any = 0;
  for (let at = 0; at < bits.length; at += 1) {
    const common = (bits[at] ?? 0) & (other[at] ?? 0);
    bits[at] = common;
    any |= common;
  }
  return any !== 0;
}

/** The indexes that the bits of a segment stand for, ascending. `base` is the segment's first. */
export function indexesOf(bits: Uint8Array, base: number): number[] {
  const out: number[] = [];
  for (const [at, byte] of bits.entries()) {
    if (byte === 0) continue;
    for (let bit = 0; bit < 8; bit += 1) if ((byte & (0x80 >> bit)) !== 0) out.push(base + at * 8 + bit);
  }
  return out;
}
