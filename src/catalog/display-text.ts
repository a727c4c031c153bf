/** Bytes of JSON that one shown string may take. */
const maxText = 1024;

/**
 * Text of a request as an audit record may hold it: passwords in URLs masked, characters that show nothing as `\u{..}`,
 * long blanks counted, cut so that it takes at most 1 KiB as JSON.
 */
export function displayText(text: string): string {
  const masked = withBlanksCounted(text.includes('@') ? text.replace(word, maskWord) : text);
  // Escaping only makes text longer, so what lies behind this can never be shown.
  const head = masked.length > 2 * maxText ? masked.slice(0, 2 * maxText) : masked;
  const safe = escapeHidden(head);
  const note = `… (${Buffer.byteLength(text)} bytes)`;
  return masked.length === head.length && fits(safe, maxText) ? safe : `${cut(safe, maxText - 32)}${note}`;
}

/**
 * Text that somebody agrees to: as `displayText`, but nothing is masked (what stands before an @ would run all the same)
 * and nothing is cut. Undefined when it takes more than 1 KiB as JSON.
 */
export function wholeText(text: string): string | undefined {
  const counted = withBlanksCounted(text);
  if (counted.length > maxText) return undefined;
  const safe = escapeHidden(counted);
  return fits(safe, maxText) ? safe : undefined;
}

/** Bytes that a string takes as JSON. */
export function jsonSize(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}

/**
 * A character that shows nothing or changes how others are shown: control, format (bidi marks, joiners, BOM), private
 * and default-ignorable ones, line separators, every blank but the plain one, the empty braille cell.
 */
const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{DI}\u{2800}[\p{Zs}--\x20]]/v;
const allHidden = new RegExp(hidden, 'gv');

function escapeHidden(text: string): string {
  return hidden.test(text) ? text.replace(allHidden, escape) : text;
}

const escape = (char: string): string => `\\u{${char.codePointAt(0)?.toString(16) ?? ''}}`;

/** Many blanks in a row would push what follows out of sight, or look like the end. */
function withBlanksCounted(text: string): string {
  return text.includes('    ') ? text.replace(/ {4,}/g, run => ` ⟨${run.length} blanks⟩ `) : text;
}

/** Three bytes for each UTF-16 unit is the most that UTF-8 takes, so short text need not be measured. */
const fits = (text: string, size: number): boolean => text.length * 3 + 2 <= size || jsonSize(text) <= size;

function cut(text: string, size: number): string {
  let out = '';
  let used = 2;
  for (const char of text) {
    used += jsonSize(char) - 2;
    if (used > size) break;
    out += char;
  }
  return out;
}

/** Runs without slash or white space; user information never reaches over one. */
const word = /[^\s/]+/g;

/** What may follow the @ of an image reference; the @ is no sign of a password then. */
const digest = /^[a-z0-9+._-]+:[0-9a-f]{32,}$/i;

/** `user:secret@host` becomes `user:***@host`, and behind `//` also `token@host` becomes `***@host`. */
function maskWord(text: string, offset: number, whole: string): string {
  let at = text.lastIndexOf('@');
  if (digest.test(text.slice(at + 1))) at = text.lastIndexOf('@', at - 1);
  if (at < 0) return text;
  const colon = text.indexOf(':');
  if (colon >= 0 && colon < at) return `${text.slice(0, colon + 1)}***${text.slice(at)}`;
  return whole.slice(Math.max(0, offset - 2), offset) === '//' ? `***${text.slice(at)}` : text;
}
