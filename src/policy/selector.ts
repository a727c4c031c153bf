import { compileSegment, coversSegment, matchSegment, type SegmentGlob } from './glob.ts';
import { type Parsed, parsed, refused } from './problem.ts';

/** Which nodes a rule is for. `text` is the canonical spelling: labels sorted by name and joined by `;`. */
export type Selector =
  | { readonly kind: 'any'; readonly text: '*' }
  | { readonly kind: 'name'; readonly text: string }
  | { readonly kind: 'glob'; readonly text: string; readonly glob: SegmentGlob }
  | { readonly kind: 'labels'; readonly text: string; readonly pairs: readonly Pair[] };

type Pair = readonly [name: string, value: string];

/**
 * Reads a node selector: a name, a glob over names, or labels `role=controlplane;zone=a` of which all must be there. Labels
 * may also be joined by commas, then the field must be quoted.
 */
export function parseSelector(text: string): Parsed<Selector> {
  if (text === '') return refused('empty node selector; write * for every node');
  if (text === '*') return parsed({ kind: 'any', text });
  if (text.includes('=')) return parseLabels(text);
  const wrong = /[^a-z0-9._*-]/.exec(text)?.[0];
  if (wrong !== undefined) return refused(`node selector "${text}" holds "${wrong}"; ${selectorHelp}`);
  if (text.includes('**')) return refused(`node selector "${text}" holds "**"; one "*" covers any part of a node name`);
  if (text.includes('*')) return parsed({ kind: 'glob', text, glob: compileSegment(text) });
  return parsed({ kind: 'name', text });
}

/** True when the selector covers a node of this name with these labels. */
export function matchSelector(selector: Selector, node: string, labels: Readonly<Record<string, string>>): boolean {
  switch (selector.kind) {
    case 'any':
      return true;
    case 'name':
      return selector.text === node;
    case 'glob':
      return matchSegment(selector.glob, node);
    case 'labels':
      return selector.pairs.every(([name, value]) => labels[name] === value);
  }
}

/** True when every node that `narrow` selects is certainly selected by `wide`; labels and names are never compared. */
export function coversSelector(wide: Selector, narrow: Selector): boolean {
  if (wide.kind === 'any' || wide.text === narrow.text) return true;
  if (wide.kind === 'glob' && narrow.kind === 'name') return matchSegment(wide.glob, narrow.text);
  if (wide.kind === 'glob' && narrow.kind === 'glob') return coversSegment(wide.glob, narrow.glob);
  if (wide.kind === 'labels' && narrow.kind === 'labels') {
    return wide.pairs.every(([name, value]) => narrow.pairs.some(pair => pair[0] === name && pair[1] === value));
  }
  return false;
}

const selectorHelp = 'write a node name (lower case), a name with "*", or labels such as role=controlplane;zone=a';

function parseLabels(text: string): Parsed<Selector> {
  const pairs: Pair[] = [];
  for (const part of text.split(/[;,]/)) {
    const [name = '', value, more] = part.trim().split('=');
    if (name === '' || value === undefined || more !== undefined) {
      return refused(`"${part.trim()}" is not a label; ${selectorHelp}`);
    }
    const wrong = /[^A-Za-z0-9._/-]/.exec(name + value)?.[0];
    if (wrong !== undefined) {
      return refused(`label "${part.trim()}" holds "${wrong}"; labels are compared as they are, without wildcards`);
    }
    if (pairs.some(pair => pair[0] === name)) return refused(`label "${name}" is given twice; no node could have both`);
    pairs.push([name, value]);
  }
  pairs.sort((a, b) => (a[0] < b[0] ? -1 : 1));
  return parsed({ kind: 'labels', text: pairs.map(pair => pair.join('=')).join(';'), pairs });
}
