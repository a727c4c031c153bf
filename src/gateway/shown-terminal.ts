/** Private modes of a terminal that programs set and have to take back, by the letter that takes them back (xterm ctlseqs). */
const setBy: ReadonlyMap<string, 'h' | 'l'> = new Map([
  // Cursor keys, reverse video, origin, bracketed paste; mouse and focus reports.
  ...['1', '5', '6', '2004', '9', '1000', '1002', '1003', '1004', '1005', '1006', '1015'].map(
    mode => [mode, 'h'] as const,
  ),
  // The alternate screen.
  ...['47', '1047', '1049'].map(mode => [mode, 'h'] as const),
  // Wrapping and the cursor, which are there until somebody takes them away.
  ...['7', '25'].map(mode => [mode, 'l'] as const),
]);
const modes = /\x1b\[\?([0-9;]{1,60})([hl])/g;
const escape = 0x1b;
const lineFeed = 0x0a;
/** Longest sequence that is put together from two pieces of output. */
const longest = 64;

/**
 * What a session's output has made of its user's terminal. Whoever ends the session from outside asks it what to print
 * first, so that the last line stands on a line of its own, on the screen the shell was started from, and the terminal is
 * as it was.
 */
export class ShownTerminal {
  readonly #tty: boolean;
  readonly #set = new Set<string>();
  #rest = '';
  #escaped = false;
  #lineStarts = true;

  constructor(tty: boolean) {
    this.#tty = tty;
  }

  /** Output that goes to the user, in order and in any pieces. */
  shows(data: Uint8Array): void {
    if (data.length === 0) return;
    this.#lineStarts = data[data.length - 1] === lineFeed;
    if (!this.#tty || (this.#rest === '' && !data.includes(escape))) return;
    this.#escaped = true;
    const text = this.#rest + Buffer.from(data.buffer, data.byteOffset, data.length).toString('latin1');
    for (const [, numbers = '', letter] of text.matchAll(modes)) {
      for (const mode of numbers.split(';')) {
        if (setBy.get(mode) === letter) this.#set.add(mode);
        else this.#set.delete(mode);
      }
    }
    const last = text.lastIndexOf('\x1b');
    this.#rest =
      text.length - last > longest || /^\x1b\[\?[0-9;]*[^0-9;]/.test(text.slice(last)) ? '' : text.slice(last);
  }

  /** What to print before a line of the gateway's own. The terminal counts as put right and at the start of a line after it. */
  putRight(): string {
    const taken = [...this.#set].map(mode => `\x1b[?${mode}${setBy.get(mode) === 'h' ? 'l' : 'h'}`).join('');
    // Plain keypad, letters and colours, and the whole screen to scroll, without moving the cursor.
    const plain = this.#escaped ? '\x1b>\x1b(B\x1b[0m\x1b7\x1b[r\x1b8' : '';
    const line = this.#lineStarts && taken === '' ? '' : this.#tty ? '\r\n' : '\n';
    this.#set.clear();
    this.#escaped = false;
    this.#rest = '';
    this.#lineStarts = true;
    return taken + plain + line;
  }
}
