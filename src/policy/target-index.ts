import type { SegmentGlob } from './glob.ts';
import { emptyGlobSet, type GlobSet, globSlot, searchGlobs } from './glob-set.ts';
import { emptyTrie, type ResourceTrie, type Slot, searchTrie } from './resource-trie.ts';
import type { Rule } from './rule.ts';
import { matchSelector, type Selector } from './selector.ts';

/**
 * Rules of one subject and one action field, by cluster and then by node. Names and `*` are found at once, globs by their
 * literal start or end, label sets by the first label.
 */
export interface TargetIndex {
  exact: Map<string, NodeIndex> | undefined;
  globs: GlobSet<NodeIndex> | undefined;
  any: NodeIndex | undefined;
}

interface NodeIndex {
  exact: Map<string, ResourceTrie> | undefined;
  globs: GlobSet<ResourceTrie> | undefined;
  /** By name and value of the first label of the selector, then by the whole selector. */
  labels: Map<string, Map<string, Map<string, Selected>>> | undefined;
  any: ResourceTrie | undefined;
}

interface Selected {
  readonly selector: Selector;
  readonly trie: ResourceTrie;
}

/** The parts of a question that an index looks at. `segments` is the resource cut at each `/`. */
export interface TargetQuestion {
  cluster: string;
  node: string;
  labels: Readonly<Record<string, string>>;
  segments: readonly string[];
}

export function emptyTargetIndex(): TargetIndex {
  return { exact: undefined, globs: undefined, any: undefined };
}

/** The trie that a rule belongs into, made when it is the first one for its cluster and nodes. */
export function trieFor(index: TargetIndex, rule: Rule): ResourceTrie {
  return trieOfSelector(nodesOf(index, rule.cluster), rule.selector);
}

/** Shows every slot that covers cluster, node, labels and resource to `visit`. */
export function searchTargets(index: TargetIndex, question: TargetQuestion, visit: (slot: Slot) => void): void {
  const exact = index.exact?.get(question.cluster);
  if (exact !== undefined) searchNodes(exact, question, visit);
  if (index.any !== undefined) searchNodes(index.any, question, visit);
  if (index.globs === undefined) return;
  searchGlobs(index.globs, question.cluster, nodes => searchNodes(nodes, question, visit));
}

function searchNodes(nodes: NodeIndex, question: TargetQuestion, visit: (slot: Slot) => void): void {
  const { node, labels, segments } = question;
  const exact = nodes.exact?.get(node);
  if (exact !== undefined) searchTrie(exact, segments, visit);
  if (nodes.any !== undefined) searchTrie(nodes.any, segments, visit);
  if (nodes.globs !== undefined) searchGlobs(nodes.globs, node, trie => searchTrie(trie, segments, visit));
  if (nodes.labels === undefined) return;
  for (const [name, values] of nodes.labels) {
    const value = labels[name];
    const selected = value === undefined ? undefined : values.get(value);
    if (selected !== undefined) searchSelected(selected, question, visit);
  }
}

function searchSelected(all: Map<string, Selected>, question: TargetQuestion, visit: (slot: Slot) => void): void {
  for (const { selector, trie } of all.values()) {
    if (matchSelector(selector, question.node, question.labels)) searchTrie(trie, question.segments, visit);
  }
}

function nodesOf(index: TargetIndex, cluster: SegmentGlob): NodeIndex {
  if (cluster.text === '*') return (index.any ??= emptyNodeIndex());
  if (cluster.pieces.length === 1)
    return getOrAdd((index.exact ??= new Map<string, NodeIndex>()), cluster.text, emptyNodeIndex);
  return globSlot((index.globs ??= emptyGlobSet()), cluster, emptyNodeIndex);
}

function trieOfSelector(nodes: NodeIndex, selector: Selector): ResourceTrie {
  switch (selector.kind) {
    case 'any':
      return (nodes.any ??= emptyTrie());
    case 'name':
      return getOrAdd((nodes.exact ??= new Map<string, ResourceTrie>()), selector.text, emptyTrie);
    case 'glob':
      return globSlot((nodes.globs ??= emptyGlobSet()), selector.glob, emptyTrie);
    case 'labels': {
      const [name, value] = selector.pairs[0] ?? ['', ''];
      const values = getOrAdd(
        (nodes.labels ??= new Map<string, Map<string, Map<string, Selected>>>()),
        name,
        () => new Map<string, Map<string, Selected>>(),
      );
      const same = getOrAdd(values, value, () => new Map<string, Selected>());
      return getOrAdd(same, selector.text, () => ({ selector, trie: emptyTrie() })).trie;
    }
  }
}

function emptyNodeIndex(): NodeIndex {
  return { exact: undefined, globs: undefined, labels: undefined, any: undefined };
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
