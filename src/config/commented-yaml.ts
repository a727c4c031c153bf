import { stringify } from 'yaml';
import { configSchema, type SchemaNode } from './schema.ts';

/** Longest comment line, with its indentation. */
const width = 110;

/**
 * Writes a configuration with a comment above every key that the schema knows. Keys without a value in `values` stand
 * commented out with their default, so that the file shows everything there is. In a list of sections the first entry
 * shows what an entry can have, the others only what they have.
 */
export function writeCommentedYaml(values: Readonly<Record<string, unknown>>): string {
  return `${writeSection(values, configSchema, '').join('\n').trimStart()}\n`;
}

function writeSection(values: Readonly<Record<string, unknown>>, schema: SchemaNode, indent: string): string[] {
  const required = schema.required ?? [];
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
    const isRequired = required.includes(key) && inner.default === undefined;
    const comment = writeComment(`${inner.description ?? ''}${isRequired ? ' Required.' : ''}`.trim(), indent);
    const gap = indent === '' ? [''] : [];
    return [...gap, ...comment, ...writeKey(key, values[key], inner, indent)];
  });
}

function writeKey(key: string, value: unknown, schema: SchemaNode, indent: string): string[] {
  const isSection = isSectionNode(schema);
  const entry = schema.items;
  const present = value ?? (isSection && schema.default !== undefined ? {} : undefined);
  if (present === undefined) {
    if (entry?.properties === undefined) return [`${indent}# ${key}:${placeholder(schema)}`];
    const [first = '', ...rest] = skeleton(entry, '');
    return [`${indent}# ${key}:`, `${indent}#   - ${first}`, ...rest.map(line => `${indent}#     ${line}`)];
  }
  if (isSection) return [`${indent}${key}:`, ...writeSection(present as Section, schema, `${indent}  `)];
  if (Array.isArray(present) && entry?.properties !== undefined) {
    const items = present.flatMap((item: unknown, index) => writeItem(item as Section, index, entry, `${indent}  `));
    return [`${indent}${key}:`, ...items];
  }
  return [`${indent}${key}: ${inline(present)}`];
}

type Section = Readonly<Record<string, unknown>>;

function writeItem(item: Section, index: number, schema: SchemaNode, indent: string): string[] {
  if (index === 0) return [`${indent}-`, ...writeSection(item, schema, `${indent}  `)];
  const lines = stringify(item, { lineWidth: 0 }).trimEnd().split('\n');
  return lines.map((line, at) => `${indent}${at === 0 ? '- ' : '  '}${line}`);
}

/** What stands behind a key that is commented out: its default, or the keys that it would have. */
function placeholder(schema: SchemaNode): string {
  return schema.default === undefined ? outline(schema) : ` ${inline(schema.default)}`;
}

function isSectionNode(schema: SchemaNode): boolean {
  return schema.properties !== undefined && schema['x-notation'] === undefined;
}

/** Every key that an entry can have, one a line. */
function skeleton(schema: SchemaNode, indent: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) =>
    isSectionNode(inner)
      ? [`${indent}${key}:`, ...skeleton(inner, `${indent}  `)]
      : [`${indent}${key}:${inner.default === undefined ? outline(inner) || ' ...' : ` ${inline(inner.default)}`}`],
  );
}

function outline(schema: SchemaNode): string {
  const keys = Object.keys(schema.properties ?? {});
  return keys.length === 0 ? '' : ` { ${keys.map(key => `${key}: ...`).join(', ')} }`;
}

function writeComment(text: string, indent: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`${indent}# ${word}`);
  }
  return text === '' ? [] : lines;
}

function inline(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
}
