import { compilePath, matchSegment, type PathGlob } from './glob.ts';
import { type Parsed, parsed, refused } from './problem.ts';

/**
 * Brings a resource, or a pattern for one, into the spelling that the catalog uses: percent escapes in capitals, and the
 * type of a COSI resource in lower case, because nodes look types up without regard to case (talos.md 5.2).
 */
export function normalizeResource(text: string): string {
  const [kind, type, ...rest] = text.split('/');
  const lowered = kind === 'resource' && type !== undefined ? [kind, type.toLowerCase(), ...rest].join('/') : text;
  return lowered.replaceAll(/%[0-9a-fA-F]{2}/g, escape => escape.toUpperCase());
}

/** Reads the resource field of a rule. Refuses what no resource ever holds: such a rule would silently never match. */
export function parseResourcePattern(text: string): Parsed<PathGlob> {
  if (text === '') return refused('empty resource; write ** for every resource');
  const wrong = /[^A-Za-z0-9._:@+=,~%*/-]/u.exec(text)?.[0];
  if (wrong !== undefined) {
    return refused(`resource "${text}" holds "${wrong}"; only * and ** are wildcards, write it as ${escaped(wrong)}`);
  }
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return refused(`resource "${text}" holds a lone "%"; write it as %25`);
  const plain = /%(?!2B)(?:[46][1-9A-F]|[57][0-9A]|3[0-9A]|2[CDE]|3D|40|5F|7E)/i.exec(text)?.[0];
  if (plain !== undefined) {
    return refused(`resource "${text}" holds "${plain}"; write "${decodeURIComponent(plain)}", which is never escaped`);
  }
  if (text.startsWith('/')) return refused(`resource "${text}" starts with "/"; write file${text} for a file`);
  if (text.split('/').some(part => part !== '**' && part.includes('**'))) {
    return refused(`in resource "${text}" "**" is not a whole segment; write a/** for everything below a`);
  }
  return parsed(compilePath(normalizeResource(text)));
}

/**
 * True for a pattern with a wildcard below `file/`. A path prefix is no boundary on a node (symbolic links,
 * /proc/<pid>/root), so such a rule must say that its author knows. `**` alone draws no boundary and is not meant.
 */
export function isUnsafePrefix(pattern: PathGlob): boolean {
  if (pattern.text === '**') return false;
  const [first, ...rest] = pattern.segments;
  if (first === undefined) return true;
  return matchSegment(first, 'file') && rest.some(part => part === undefined || part.pieces.length > 1);
}

/** As the catalog escapes a character: every byte of it, also those that encodeURIComponent leaves alone. */
function escaped(text: string): string {
  return [...Buffer.from(text)].map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}
