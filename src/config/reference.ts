import { configSchema, type SchemaNode } from './schema.ts';

/** Every key of the configuration as a Markdown table, for `docs/configuration.md`; columns aligned as biome does. */
export function writeReference(): string {
  const rows = [['key', 'value', 'default', 'meaning'], ...rowsOf(configSchema, '')];
  const widths = [0, 1, 2, 3].map(column => Math.max(...rows.map(row => row[column]?.length ?? 0)));
  const [head = '', ...body] = rows.map(row => line(row.map((text, column) => text.padEnd(widths[column] ?? 0))));
  return [head, line(widths.map(width => '-'.repeat(width))), ...body].join('\n');
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function rowsOf(schema: SchemaNode, prefix: string): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
    const name = `${prefix}${key}`;
    const isRequired = (schema.required ?? []).includes(key) && inner.default === undefined;
    const state = isRequired ? '**required**' : inner.default === undefined ? '' : code(JSON.stringify(inner.default));
    const row = [code(name), kindOf(inner), state, cell(inner.description ?? '')];
    if (inner['x-notation'] !== undefined) return [row];
    const nested =
      inner.items?.properties === undefined ? rowsOf(inner, `${name}.`) : rowsOf(inner.items, `${name}[].`);
    return [row, ...nested];
  });
}

function kindOf(schema: SchemaNode): string {
  if (schema['x-notation'] !== undefined) return schema['x-notation'];
  if (schema.enum !== undefined) return schema.enum.map(value => code(String(value))).join(' ');
  if (schema.items !== undefined) return schema.items.properties === undefined ? 'list' : 'list of sections';
  if (schema.anyOf !== undefined) return 'text or list';
  return { object: 'section', string: 'text', integer: 'number', boolean: 'true or false' }[schema.type ?? ''] ?? '';
}

function code(text: string): string {
  return `\`${text}\``;
}

function cell(text: string): string {
  return text.replaceAll(/[|*]/g, sign => `\\${sign}`);
}
