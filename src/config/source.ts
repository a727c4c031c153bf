import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';

/** A place in the text, both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A configuration text that was read as YAML, with a way back from values to places. */
export interface Source {
  readonly value: unknown;
  /** Where a value stands; for one that is not there, the nearest thing around it that is. */
  positionOf(path: readonly (string | number)[]): Position;
  /** Where a key stands, for problems with the key itself. */
  positionOfKey(path: readonly (string | number)[]): Position;
}

export interface SyntaxProblem extends Position {
  readonly message: string;
}

/** Most levels that an alias may multiply its content by; a configuration needs none. */
const maxAliasCount = 100;

const yamlWords: Readonly<Partial<Record<string, string>>> = {
  DUPLICATE_KEY: 'this key stands in the section twice',
  TAB_AS_INDENT: 'YAML is indented with blanks, not with tabs',
  MULTIPLE_DOCS: 'a second document (---) starts here; the configuration is one document',
};

/**
 * Reads YAML 1.2 of one document: repeated keys, tabs as indentation, unknown tags and merge keys are problems.
 * Anchors and aliases are allowed; places lead to where the value is written.
 */
export function readSource(text: string): Source | readonly SyntaxProblem[] {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, uniqueKeys: true, merge: false });
  const at = (offset: number): Position => {
    const { line, col } = counter.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const problems: SyntaxProblem[] = [...document.errors, ...document.warnings].map(error => ({
    ...at(error.pos[0]),
    message: yamlWords[error.code] ?? error.message,
  }));
  problems.push(...oddKeys(document, at));
  if (problems.length > 0) return problems;
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount });
  } catch (cause) {
    return [{ line: 1, column: 1, message: cause instanceof Error ? cause.message : 'cannot be read' }];
  }
  return {
    value,
    positionOf: path => at(startOf(find(document, path).value)),
    positionOfKey: path => {
      const { key, value: found } = find(document, path);
      return at(startOf(key ?? found));
    },
  };
}

/** Keys that are no plain text (`? [a]`, `1:`, `<<:`) would be turned into text silently. */
function oddKeys(document: Document, at: (offset: number) => Position): SyntaxProblem[] {
  const problems: SyntaxProblem[] = [];
  visit(document, {
    Pair: (_, pair) => {
      const key = pair.key as Node;
      if (!isScalar(key) || typeof key.value !== 'string') {
        problems.push({ ...at(startOf(key)), message: 'this key is not plain text' });
      } else if (key.value === '<<') {
        problems.push({ ...at(startOf(key)), message: 'merge keys (<<) are not part of YAML 1.2; write the keys out' });
      }
    },
  });
  return problems;
}

function find(
  document: Document,
  path: readonly (string | number)[],
): { readonly key: Node | null; readonly value: Node | null } {
  let key: Node | null = null;
  let value: Node | null = document.contents;
  for (const step of path) {
    const holder = isAlias(value) ? value.resolve(document) : value;
    if (isMap(holder)) {
      const pair = holder.items.find(item => isScalar(item.key) && item.key.value === step);
      if (pair === undefined) return { key, value };
      key = pair.key as Node;
      value = (pair.value as Node | null) ?? key;
    } else if (isSeq(holder) && typeof step === 'number' && holder.items[step] !== undefined) {
      key = null;
      value = holder.items[step] as Node;
    } else {
      return { key, value };
    }
  }
  return { key, value };
}

function startOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}
