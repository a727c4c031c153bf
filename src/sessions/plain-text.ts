/**
 * Takes terminal output apart into the lines of text in it: escape sequences (ECMA-48: CSI, OSC, DCS and other strings)
 * and control characters are left out, a backspace takes a character back. For searching; not a picture of the screen.
 */
export class PlainText {
  readonly #decoder = new TextDecoder();
  #state: 'ground' | 'escape' | 'sequence' | 'string' | 'string-escape' = 'ground';
  #line = '';
  readonly #longest: number;

  /** Lines longer than `longest` characters are cut into several. */
  constructor(longest = 4096) {
    this.#longest = longest;
  }

  /** The line that is not complete yet. */
  get rest(): string {
    return this.#line;
  }

  /** Gives the lines that are complete now. */
  add(data: Uint8Array): string[] {
    const lines: string[] = [];
    for (const character of this.#decoder.decode(data, { stream: true })) {
      if (!this.#isText(character)) continue;
      if (character === '\n' || this.#line.length >= this.#longest) {
        lines.push(this.#line);
        this.#line = character === '\n' ? '' : character;
      } else if (character === '\b') this.#line = this.#line.slice(0, -1);
      else if (character === '\t' || character >= ' ') this.#line += character;
    }
    return lines;
  }

  #isText(character: string): boolean {
    const before = this.#state;
    if (character === '\x1b') {
      this.#state = before === 'string' ? 'string-escape' : 'escape';
      return false;
    }
    switch (before) {
      case 'ground':
        return character !== '\x7f' && !(character >= '\x80' && character <= '\x9f');
      case 'escape':
        this.#state = character === '[' ? 'sequence' : /^[\]PX^_]$/.test(character) ? 'string' : 'ground';
        // Two characters between the escape and its end, such as ESC ( B, leave one behind; that is no harm to a search.
        return false;
      case 'sequence':
        if (!/^[ -?]$/.test(character)) this.#state = 'ground';
        return false;
      case 'string':
        if (character === '\x07' || character === '\x9c') this.#state = 'ground';
        return false;
      case 'string-escape':
        this.#state = character === '\\' ? 'ground' : 'string';
        return false;
    }
  }
}
