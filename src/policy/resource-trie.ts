import { matchPath, type PathGlob, type SegmentGlob } from './glob.ts';
import { emptyGlobSet, type GlobSet, globSlot, searchGlobs } from './glob-set.ts';
import type { Rule } from './rule.ts';

/** The first rule of each effect among rules that differ in nothing else that is asked. */
export interface Slot {
  deny: Rule | undefined;
  approve: Rule | undefined;
  allow: Rule | undefined;
}

/**
 * Resource patterns by segment. A question walks down along its own segments, so literal patterns cost nothing to the
 * others; only patterns with something after a `**` are tried one by one, and only where they hang.
 */
export interface ResourceTrie {
  exact: Map<string, ResourceTrie> | undefined;
  /** Below a whole `*` segment. */
  any: ResourceTrie | undefined;
  globs: GlobSet<ResourceTrie> | undefined;
  /** Patterns that end here with `**`. */
  rest: Slot | undefined;
  /** Patterns that go on here with `**` and more after it. */
  tails: Map<string, { readonly glob: PathGlob; readonly slot: Slot }> | undefined;
  /** Patterns that end here. */
  end: Slot | undefined;
}

export function emptyTrie(): ResourceTrie {
  return { exact: undefined, any: undefined, globs: undefined, rest: undefined, tails: undefined, end: undefined };
}

/** Hangs a rule where its resource pattern leads. Rules must come in file order. */
export function insertRule(trie: ResourceTrie, rule: Rule): void {
  const { segments } = rule.resource;
  let node = trie;
  for (let depth = 0; depth < segments.length; depth += 1) {
    const segment = segments[depth];
    if (segment === undefined) {
      fill(openSlot(node, rule.resource, depth), rule);
      return;
    }
    node = child(node, segment);
  }
  node.end ??= emptySlot();
  fill(node.end, rule);
}

/** Shows every slot whose pattern covers the segments to `visit`, without making anything. */
export function searchTrie(
  trie: ResourceTrie,
  segments: readonly string[],
  visit: (slot: Slot) => void,
  depth = 0,
): void {
  const segment = segments[depth];
  if (segment === undefined) {
    if (trie.end !== undefined) visit(trie.end);
    return;
  }
  if (trie.rest !== undefined) visit(trie.rest);
  if (trie.tails !== undefined) {
    for (const { glob, slot } of trie.tails.values()) if (matchPath(glob, segments, depth)) visit(slot);
  }
  const exact = trie.exact?.get(segment);
  if (exact !== undefined) searchTrie(exact, segments, visit, depth + 1);
  if (trie.any !== undefined) searchTrie(trie.any, segments, visit, depth + 1);
  if (trie.globs !== undefined) searchGlobs(trie.globs, segment, next => searchTrie(next, segments, visit, depth + 1));
}

function child(node: ResourceTrie, segment: SegmentGlob): ResourceTrie {
  if (segment.text === '*') return (node.any ??= emptyTrie());
  if (segment.pieces.length === 1) {
    node.exact ??= new Map();
    let next = node.exact.get(segment.text);
    if (next === undefined) node.exact.set(segment.text, (next = emptyTrie()));
    return next;
  }
  node.globs ??= emptyGlobSet();
  return globSlot(node.globs, segment, emptyTrie);
}

function openSlot(node: ResourceTrie, pattern: PathGlob, depth: number): Slot {
  if (depth === pattern.segments.length - 1) return (node.rest ??= emptySlot());
  node.tails ??= new Map();
  const known = node.tails.get(pattern.text);
  if (known !== undefined) return known.slot;
  const slot = emptySlot();
  node.tails.set(pattern.text, { glob: { text: pattern.text, segments: pattern.segments.slice(depth) }, slot });
  return slot;
}

function emptySlot(): Slot {
  return { deny: undefined, approve: undefined, allow: undefined };
}

function fill(slot: Slot, rule: Rule): void {
  slot[rule.effect] ??= rule;
}
