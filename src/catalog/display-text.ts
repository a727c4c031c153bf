/** Bytes of JSON that one shown string may take. */
const maxText = 1024;

/**
 * Text of a request as an audit record may hold it: passwords in URLs masked, control, format and bidi characters as
 * `\u{..}`, cut so that it takes at most 1 KiB as JSON.
 */
export function displayText(text: string): string {
  const masked = text.includes('@') ? text.replace(word, maskWord) : text;
  // Escaping only makes text longer, so what lies behind this can never be shown.
  const head = masked.length > 2 * maxText ? masked.slice(0, 2 * maxText) : masked;
  const safe = hidden.test(head) ? head.replace(allHidden, escape) : head;
  const note = `… (${Buffer.byteLength(text)} bytes)`;
  return masked.length === head.length && fits(safe, maxText) ? safe : `${cut(safe, maxText - 32)}${note}`;
}

/** Bytes that a string takes as JSON. */
export function jsonSize(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}

/** A character that shows nothing or changes how others are shown: Cc, Cf (bidi marks, joiners, BOM), line separators. */
const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
const allHidden = new RegExp(hidden, 'gu');

const escape = (char: string): string => `\\u{${char.codePointAt(0)?.toString(16) ?? ''}}`;

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
