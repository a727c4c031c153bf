/** Longest name and group that is accepted, in UTF-16 units. */
const maxNameLength = 256;

/** Most groups that one credential may carry. */
export const maxGroups = 512;

/**
 * Reads the name of a caller as a credential states it, or undefined when it cannot be one: not text, empty, too
 * long, with control or invisible characters, blanks at an end, or in a spelling that only looks like another one
 * (Unicode NFKC). Names with `@` are lower-cased, so that a certificate and a token that spell one address
 * differently cannot stand for two people. `machine:` and its like stand for kinds of subjects elsewhere, so no name
 * may begin with one.
 */
export function readName(value: unknown): string | undefined {
  const text = readText(value);
  if (text !== undefined && /^(user|machine|group|role):/i.test(text)) return undefined;
  return text?.includes('@') === true ? text.toLowerCase() : text;
}

/** Reads a list of groups, without duplicates; undefined when one of them is not acceptable or there are too many. */
export function readGroups(value: unknown): readonly string[] | undefined {
  if (value === undefined || value === null) return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length > maxGroups) return undefined;
  const groups = list.map(readText);
  return groups.every(group => group !== undefined) ? [...new Set(groups)] : undefined;
}

/** Reads text by the rules for names, letter case kept. */
export function readText(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length === 0 || value.length > maxNameLength) return undefined;
  if (/[\p{C}\p{Zl}\p{Zp}]/u.test(value) || value.trim() !== value) return undefined;
  return value.normalize('NFKC') === value ? value : undefined;
}
