import { isPrintable } from '../core/printable.ts';
import { EscapeFilter } from './escape-filter.ts';

/** What became of the keys that were pressed so far. */
export type LineState = 'typing' | 'entered' | 'left';

const ctrlC = '\x03';
const ctrlD = '\x04';
const ctrlU = '\x15';
const ctrlW = '\x17';

/**
 * Reads one line from a terminal in raw mode and says what to print back. Knows Backspace, Ctrl-U (line), Ctrl-W (word),
 * Enter, Ctrl-C anywhere and Ctrl-D on an empty line; swallows escape sequences and whatever cannot be printed. Takes at
 * most `limit` code points and rings the bell for more.
 */
export class LineEditor {
  readonly #limit: number;
  readonly #prompt: string;
  readonly #decoder = new TextDecoder('utf-8');
  readonly #escapes = new EscapeFilter();
  /** Columns of the terminal; 0 while it has not told. */
  #width = 0;
  #text = '';

  constructor(prompt: string, limit: number) {
    this.#prompt = prompt;
    this.#limit = limit;
  }

  get text(): string {
    return this.#text;
  }

  /** Columns of the terminal, needed to rub out a line that has wrapped. */
  resize(width: number): void {
    this.#width = Math.max(0, width);
  }

  /** Forgets the line and says what to print to start over. */
  start(): string {
    this.#text = '';
    return this.#prompt;
  }

  /** Takes keys up to the one that ends the line; what follows in the same piece is thrown away. */
  type(data: Uint8Array): { readonly state: LineState; readonly echo: string } {
    let echo = '';
    for (const character of this.#decoder.decode(data, { stream: true })) {
      // Ctrl-C leaves from inside an escape sequence as well: nothing a terminal sends may lock somebody in.
      if (character === ctrlC) return { state: 'left', echo };
      if (this.#escapes.swallows(character)) continue;
      if (character === ctrlD && this.#text === '') return { state: 'left', echo };
      if (character === '\r' || character === '\n') return { state: 'entered', echo };
      echo += this.#edit(character);
    }
    return { state: 'typing', echo };
  }

  #edit(character: string): string {
    switch (character) {
      case '\x08':
      case '\x7f':
        return this.#rubOut(graphemes(this.#text).slice(0, -1).join(''));
      case ctrlU:
        return this.#rubOut('');
      case ctrlW:
        return this.#rubOut(this.#text.replace(/\S*\s*$/u, ''));
      default:
        return this.#insert(character === '\t' ? ' ' : character);
    }
  }

  #insert(character: string): string {
    if (!isPrintable(character) || character === '\ufffd') return '';
    if (Array.from(this.#text).length >= this.#limit) return '\x07';
    this.#text += character;
    return character;
  }

  /** Goes back to where the prompt began, clears to the end of the screen and prints what is left. */
  #rubOut(text: string): string {
    if (text === this.#text) return '';
    const rowsUp = rowOfCursor(this.#prompt + this.#text, this.#width);
    this.#text = text;
    return `${rowsUp > 0 ? `\x1b[${rowsUp}A` : ''}\r\x1b[J${this.#prompt}${text}`;
  }
}

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

function graphemes(text: string): string[] {
  return Array.from(segmenter.segment(text), part => part.segment);
}

/** Ranges that terminals draw two columns wide, roughly Unicode's East Asian Wide (UAX #11), and emoji. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u;

/** How many rows below its beginning a text ends. A terminal wraps only when a character does not fit any more. */
function rowOfCursor(text: string, width: number): number {
  if (width === 0) return 0;
  let row = 0;
  let column = 0;
  for (const grapheme of graphemes(text)) {
    const columns = wide.test(grapheme) ? 2 : 1;
    if (column + columns > width) {
      row += 1;
      column = 0;
    }
    column += columns;
  }
  return row;
}
