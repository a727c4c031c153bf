import { configSchema, type SchemaNode } from './schema.ts';

/**
 * A copy of the value with every default of the schema filled in. A section that is there without content, because
 * all its keys are commented out, counts as an empty one. Nothing is converted.
 */
export function fillDefaults(value: unknown, schema: SchemaNode = configSchema): unknown {
  const start = value ?? (schema.default === undefined ? undefined : structuredClone(schema.default));
  if (schema.type === 'object' && (start === undefined || start === null))
    return value === null ? fillObject({}, schema) : start;
  if (Array.isArray(start))
    return start.map(item => (schema.items === undefined ? (item as unknown) : fillDefaults(item, schema.items)));
  return typeof start === 'object' && start !== null ? fillObject(start, schema) : start;
}

function fillObject(value: object, schema: SchemaNode): unknown {
  const filled: [string, unknown][] = Object.entries(value).map(([key, item]: [string, unknown]) => {
    const inner = schema.properties?.[key];
    return [key, inner === undefined ? item : fillDefaults(item, inner)];
  });
  for (const [key, inner] of Object.entries(schema.properties ?? {})) {
    if (Object.hasOwn(value, key) || inner.default === undefined) continue;
    filled.push([key, fillDefaults(undefined, inner)]);
  }
  return Object.fromEntries(filled);
}
