/** One field of a line and the column, from 1, where it starts. */
export interface Field {
  readonly text: string;
  readonly column: number;
}

export type CsvLine =
  | { readonly ok: true; readonly fields: readonly Field[]; readonly comment: string }
  | { readonly ok: false; readonly column: number; readonly message: string };

/**
 * Splits one line of a policy file. Fields are separated by commas and trimmed; a field in double quotes may hold commas
 * and `#`, and `""` in it is one quote. `#` at the start or after a space begins a comment. A blank line has no fields.
 */
export function splitLine(line: string): CsvLine {
  const fields: Field[] = [];
  let at = skipSpace(line, 0);
  if (at === line.length) return { ok: true, fields, comment: '' };
  if (line[at] === '#') return { ok: true, fields, comment: line.slice(at + 1).trim() };
  for (;;) {
    const field = line[at] === '"' ? quoted(line, at) : plain(line, at);
    if (!field.ok) return field;
    fields.push({ text: field.text, column: at + 1 });
    at = skipSpace(line, field.end);
    if (at === line.length) return { ok: true, fields, comment: '' };
    if (line[at] === '#') return { ok: true, fields, comment: line.slice(at + 1).trim() };
    if (line[at] !== ',')
      return { ok: false, column: at + 1, message: 'text after a closing quote; a comma belongs here' };
    at = skipSpace(line, at + 1);
  }
}

type Read =
  | { readonly ok: true; readonly text: string; readonly end: number }
  | { readonly ok: false; readonly column: number; readonly message: string };

function plain(line: string, start: number): Read {
  let end = start;
  for (; end < line.length && line[end] !== ','; end += 1) {
    if (line[end] === '"')
      return { ok: false, column: end + 1, message: 'a quote inside a field; quote the whole field' };
    if (line[end] !== '#') continue;
    if (end === start || isSpace(line[end - 1])) break;
    return {
      ok: false,
      column: end + 1,
      message: '"#" inside a field; put a space before a comment, or quote the field',
    };
  }
  return { ok: true, text: line.slice(start, end).trim(), end };
}

function quoted(line: string, start: number): Read {
  let text = '';
  for (let at = start + 1; at < line.length; at += 1) {
    if (line[at] !== '"') text += line.charAt(at);
    else if (line[at + 1] === '"') {
      text += '"';
      at += 1;
    } else return { ok: true, text: text.trim(), end: at + 1 };
  }
  return {
    ok: false,
    column: start + 1,
    message: 'the quote is never closed; fields do not go over the end of a line',
  };
}

function skipSpace(line: string, start: number): number {
  let at = start;
  while (at < line.length && isSpace(line[at])) at += 1;
  return at;
}

function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}
