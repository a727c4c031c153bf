// Text that came from other people is shown on terminals and in logs only after it went through here.

/**
 * Makes text from elsewhere safe to print on one line: line breaks and tabs become spaces; control, escape, format
 * (bidirectional marks, zero-width, tags), private and unassigned characters and lone surrogates are dropped; of a pile
 * of combining marks four are kept. Longer than `limit` code points is cut and ends in an ellipsis.
 */
export function printable(text: string, limit = 1000): string {
  if (text.length <= limit && /^[\x20-\x7e]*$/.test(text)) return text;
  // What is cut off anyway is not worth cleaning; four times leaves room for what is dropped.
  const bounded = text.length > limit * 4 ? text.slice(0, limit * 4) : text;
  const clean = bounded
    .replace(/[\t\n\v\f\r\u0085\u2028\u2029]+/g, ' ')
    .replace(/\p{C}/gu, '')
    .replace(/(\p{M}{4})\p{M}+/gu, '$1');
  const points = Array.from(clean);
  if (points.length <= limit && bounded === text) return clean;
  return `${points.slice(0, limit - 1).join('')}…`;
}

/** True for one code point that may stand in text a person types: what `printable` keeps, breaks and marks aside. */
export function isPrintable(character: string): boolean {
  return /^[^\p{C}\u2028\u2029]$/u.test(character);
}
