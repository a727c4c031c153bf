import { configSchema, type SchemaNode } from './schema.ts';

/**
 * The schema that is published for editors, as `docs/config.schema.json`: what stands in the file. Keys with a default
 * are not required there, because the loader fills them in before it judges; our own keywords are left out.
 */
export function publishedSchema(): Record<string, unknown> {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'talosgate configuration',
    ...(publish(configSchema) as Record<string, unknown>),
  };
}

function publish(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(publish);
  if (typeof node !== 'object' || node === null) return node;
  const schema = node as SchemaNode;
  const entries = Object.entries(node)
    .filter(([keyword]) => !keyword.startsWith('x-'))
    .map(([keyword, value]: [string, unknown]): [string, unknown] => {
      if (keyword !== 'required' || !Array.isArray(value)) return [keyword, publish(value)];
      return [keyword, value.filter(key => schema.properties?.[String(key)]?.default === undefined)];
    })
    .filter(([keyword, value]) => keyword !== 'required' || (value as readonly unknown[]).length > 0);
  return Object.fromEntries(entries);
}
