// Control characters, line and paragraph separators, marks that turn the direction of text, and surrogates (which are
// looked at more closely, because most come in good pairs).
const suspicious =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]/;
const unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;
const ellipsisRoom = 32;

/**
 * Makes caller-controlled text harmless to store and to show: control characters and direction marks become `\u{202e}`
 * spelled out, half surrogate pairs U+FFFD, and what is longer than `limit` bytes in UTF-8 is cut with the number of
 * bytes left out. What is harmless already comes back unchanged.
 */
export function cleanText(text: string, limit: number): string {
  const safe = suspicious.test(text) ? text.toWellFormed().replace(unsafe, spellOut) : text;
  if (safe.length * 3 <= limit) return safe;
  const size = Buffer.byteLength(safe);
  return size <= limit ? safe : cut(safe, size, limit);
}

function spellOut(character: string): string {
  return `\\u{${character.charCodeAt(0).toString(16)}}`;
}

/** Cuts between characters: a UTF-8 continuation byte starts with the bits 10. */
function cut(text: string, size: number, limit: number): string {
  const bytes = Buffer.from(text);
  let end = limit - ellipsisRoom;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${bytes.toString('utf8', 0, end)}…(+${size - end} bytes)`;
}
