import type { Queryable, SqlValue } from '../db/query.ts';
import { ask } from './ask.ts';
import { type Clause, segmentWidth } from './terms.ts';

/** One bit for each record of a segment that satisfies every clause; segments without any are left out. */
export async function readLists(
  on: Queryable,
  clauses: readonly Clause[],
  segments: readonly number[],
): Promise<Map<number, Uint8Array>> {
  const values: SqlValue[] = [segments];
  const parts = clauses.map((clause, number) => {
    values.push(clause.field, ...('values' in clause ? [clause.values] : [clause.from, clause.to]));
    const n = values.length;
    const which = 'values' in clause ? `value = ANY ($${n}::text[])` : `value BETWEEN $${n - 1} AND $${n}`;
    const field = 'values' in clause ? n - 1 : n - 2;
    return `SELECT ${number} AS clause, segment, words FROM talosgate.audit_term
      WHERE field = $${field} AND ${which} AND segment = ANY ($1::integer[])`;
  });
  const rows = await ask<{ clause: number; segment: number; words: Buffer }>(on, parts.join(' UNION ALL '), values);
  const byClause = clauses.map(() => new Map<number, Uint8Array>());
  for (const { clause, segment, words } of rows) addWords(bitsIn(byClause[clause], segment), words);
  const [first, ...others] = byClause;
  const both = new Map<number, Uint8Array>();
  for (const [segment, bits] of first ?? []) {
    if (others.every(lists => keepCommon(bits, lists.get(segment)))) both.set(segment, bits);
  }
  return both;
}

function bitsIn(lists: Map<number, Uint8Array> | undefined, segment: number): Uint8Array {
  const bits = lists?.get(segment) ?? new Uint8Array(segmentWidth / 8);
  lists?.set(segment, bits);
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

/** Takes away what the other does not have; false when it has nothing at all. */
function keepCommon(bits: Uint8Array, other: Uint8Array | undefined): boolean {
  if (other === undefined) return false;
  for (let at = 0; at < bits.length; at += 1) bits[at] = (bits[at] ?? 0) & (other[at] ?? 0);
  return true;
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
