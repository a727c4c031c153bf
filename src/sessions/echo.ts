/** A line of input that was shown while it was typed. */
export interface EchoedLine {
  /** Microseconds since the start of the session: its first key. */
  readonly at: number;
  readonly data: Buffer;
}

/** Longest line that is followed, in bytes. */
const longest = 4096;
/** What a terminal shows when a character is taken back. */
const erasures = ['\b \b', '\b\x1b[K', '\b\x1b[J'].map(text => Buffer.from(text));

/**
 * Tells what was typed in the open from what was typed in the dark. A line counts as shown only when each of its keys came
 * back at once and in order, Enter included: one key that did not, such as any of a password, and the whole line is
 * forgotten. Keys that edit in other ways than backspace make a line unknown too.
 */
export class EchoFollower {
  /** The line so far, what of it still has to come back, and when it began. */
  #line: number[] = [];
  #awaited: Buffer[] = [];
  #begun = 0;
  #dark = false;
  readonly #typed: number[] = [];

  /** Takes what was typed. */
  typed(at: number, data: Uint8Array): void {
    for (const byte of data) {
      if (this.#typed.length >= longest) this.#forget();
      if (this.#line.length === 0 && this.#typed.length === 0) this.#begun = at;
      this.#typed.push(byte);
    }
  }

  /** Takes what was printed; gives the lines that are known to have been shown by now. */
  printed(data: Uint8Array): EchoedLine[] {
    const lines: EchoedLine[] = [];
    let from = 0;
    while (from < data.length && (this.#awaited.length > 0 || this.#next())) {
      const rest = data.subarray(from);
      const match = this.#awaited.find(wanted => begins(rest, wanted));
      if (match === undefined) {
        const partial = this.#awaited.filter(wanted => begins(wanted, rest));
        if (partial.length === 0) this.#darken();
        // The rest of an echo may come with the next output.
        this.#awaited = partial.map(wanted => wanted.subarray(rest.length));
        return lines;
      }
      from += match.length;
      this.#awaited = [];
      const line = this.#accept();
      if (line !== undefined) lines.push(line);
    }
    // What the program itself prints comes after a line; in the middle of one it spoils nothing.
    return lines;
  }

  /** Takes the next key off the queue and says what has to come back for it; false when there is none. */
  #next(): boolean {
    const key = this.#typed[0];
    if (key === undefined) return false;
    if (key === 0x0d || key === 0x0a) this.#awaited = [Buffer.from('\r\n'), Buffer.from('\n')];
    else if (key === 0x7f || key === 0x08) this.#awaited = erasures;
    else if (key >= 0x20) this.#awaited = [Buffer.of(key)];
    else this.#darken();
    return this.#awaited.length > 0;
  }

  /** The first key has come back. */
  #accept(): EchoedLine | undefined {
    const key = this.#typed.shift();
    if (key === undefined) return undefined;
    if (key === 0x7f || key === 0x08) {
      this.#line.pop();
      return undefined;
    }
    this.#line.push(key);
    if (key !== 0x0d && key !== 0x0a) return undefined;
    const line = this.#dark ? undefined : { at: this.#begun, data: Buffer.from(this.#line) };
    this.#line = [];
    this.#dark = false;
    return line;
  }

  /** Something else came back: nothing up to the end of this line is kept. */
  #darken(): void {
    const end = this.#typed.findIndex(key => key === 0x0d || key === 0x0a);
    this.#typed.splice(0, end === -1 ? this.#typed.length : end + 1);
    this.#line = [];
    this.#awaited = [];
    // Keys of this line that are still to come are of it too.
    this.#dark = end === -1;
  }

  #forget(): void {
    this.#typed.length = 0;
    this.#line = [];
    this.#awaited = [];
    this.#dark = true;
  }
}

function begins(data: Uint8Array, start: Uint8Array): boolean {
  return start.length <= data.length && start.every((byte, index) => data[index] === byte);
}
