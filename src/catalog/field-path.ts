import type { DescField, DescMessage } from '@bufbuild/protobuf';

/** Fields from the message down to the one that a dotted path names. Throws where the path leads nowhere. */
export function resolvePath(desc: DescMessage, path: string): readonly [DescField, ...DescField[]] {
  const [name = '', ...rest] = path.split('.');
  const field = desc.fields.find(candidate => candidate.name === name);
  if (field === undefined) throw new Error(`${desc.typeName} has no field "${name}"`);
  if (rest.length === 0) return [field];
  const below = field.fieldKind === 'map' ? undefined : field.message;
  if (below === undefined) throw new Error(`${desc.typeName}.${name} has nothing below it, so not "${rest.join('.')}"`);
  return [field, ...resolvePath(below, rest.join('.'))];
}

/**
 * Dotted paths of everything in a message that holds a value: scalars, enums, lists of them, maps, durations and
 * timestamps. Throws on a message type that contains itself.
 */
export function leafPaths(desc: DescMessage, above: readonly string[] = []): string[] {
  if (above.includes(desc.typeName)) throw new Error(`${desc.typeName} contains itself`);
  return desc.fields.flatMap(field => {
    if (isLeaf(field)) return [field.name];
    return leafPaths(field.message, [...above, desc.typeName]).map(path => `${field.name}.${path}`);
  });
}

/** True for a field that has no fields of its own, as audit and policy see it. */
export function isLeaf(field: DescField): field is Exclude<DescField, { message: DescMessage }> {
  return field.fieldKind === 'map' || field.message === undefined || timeTypes.has(field.message.typeName);
}

const timeTypes = new Set(['google.protobuf.Duration', 'google.protobuf.Timestamp']);
