import { matchSegment, type SegmentGlob } from './glob.ts';

/**
 * Globs with something behind each. Looking a text up tries only globs whose literal start the text has, or, for globs
 * that start with a star, whose literal end: ten thousand rules for `rack-17-*` and the like cost as much as ten.
 */
export interface GlobSet<T> {
  readonly byStart: Buckets<T>;
  readonly byEnd: Buckets<T>;
  /** Globs with a star at both ends. Tried one by one. */
  readonly loose: Entry<T>[];
  readonly known: Map<string, T>;
}

interface Entry<T> {
  readonly glob: SegmentGlob;
  readonly value: T;
}

interface Buckets<T> {
  /** The lengths that occur; few, whatever the number of globs. */
  readonly lengths: number[];
  readonly entries: Map<string, Entry<T>[]>;
}

export function emptyGlobSet<T>(): GlobSet<T> {
  return { byStart: emptyBuckets(), byEnd: emptyBuckets(), loose: [], known: new Map() };
}

/** The value kept for a glob, made on its first appearance. */
export function globSlot<T>(set: GlobSet<T>, glob: SegmentGlob, make: () => T): T {
  const known = set.known.get(glob.text);
  if (known !== undefined) return known;
  const value = make();
  set.known.set(glob.text, value);
  const start = glob.pieces[0] ?? '';
  const end = glob.pieces[glob.pieces.length - 1] ?? '';
  if (start !== '') add(set.byStart, start, { glob, value });
  else if (end !== '') add(set.byEnd, end, { glob, value });
  else set.loose.push({ glob, value });
  return value;
}

/** Shows the value of every glob that covers the text. */
export function searchGlobs<T>(set: GlobSet<T>, text: string, visit: (value: T) => void): void {
  for (const length of set.byStart.lengths) {
    if (length <= text.length) visitMatching(set.byStart.entries.get(text.slice(0, length)), text, visit);
  }
  for (const length of set.byEnd.lengths) {
    if (length <= text.length) visitMatching(set.byEnd.entries.get(text.slice(text.length - length)), text, visit);
  }
  visitMatching(set.loose, text, visit);
}

function visitMatching<T>(entries: readonly Entry<T>[] | undefined, text: string, visit: (value: T) => void): void {
  if (entries === undefined) return;
  for (const { glob, value } of entries) if (matchSegment(glob, text)) visit(value);
}

function add<T>(buckets: Buckets<T>, literal: string, entry: Entry<T>): void {
  const entries = buckets.entries.get(literal);
  if (entries !== undefined) {
    entries.push(entry);
    return;
  }
  buckets.entries.set(literal, [entry]);
  if (!buckets.lengths.includes(literal.length)) buckets.lengths.push(literal.length);
}

function emptyBuckets<T>(): Buckets<T> {
  return { lengths: [], entries: new Map() };
}
