/** What typing led to. */
export type Typed =
  | { readonly kind: 'echo'; readonly text: string }
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'interrupt' }
  | { readonly kind: 'end' };

const maxLine = 4096;

/**
 * The kernel's half of a terminal in its usual mode: echoes, lets the user erase, turns keys into lines and Ctrl-C into
 * an interrupt. Escape sequences of cursor keys are swallowed.
 */
export class LineDiscipline {
  #line = '';
  #escape = 0;

  feed(data: Uint8Array): Typed[] {
    const out: Typed[] = [];
    for (const byte of data) {
      const typed = this.#key(byte);
      if (typed !== undefined) out.push(...typed);
    }
    return out;
  }

  #key(byte: number): Typed[] | undefined {
    if (this.#escape > 0) {
      this.#skipEscape(byte);
      return undefined;
    }
    switch (byte) {
      case 0x1b:
        this.#escape = 1;
        return undefined;
      case 0x03:
        this.#line = '';
        return [{ kind: 'echo', text: '^C\r\n' }, { kind: 'interrupt' }];
      case 0x04:
        return this.#line === '' ? [{ kind: 'end' }] : undefined;
      case 0x0a:
      case 0x0d:
        return [{ kind: 'echo', text: '\r\n' }, this.#take()];
      case 0x08:
      case 0x7f:
        return this.#erase(1);
      case 0x15:
        return this.#erase(this.#line.length);
      default:
        return this.#add(byte);
    }
  }

  /** `ESC [ A` and the like: ends with a letter or a tilde. */
  #skipEscape(byte: number): void {
    const introducer = this.#escape === 1 && (byte === 0x5b || byte === 0x4f);
    const final = byte >= 0x40 && byte <= 0x7e && !introducer;
    this.#escape = final ? 0 : 2;
  }

  #add(byte: number): Typed[] | undefined {
    if (byte < 0x20 || this.#line.length >= maxLine) return undefined;
    const text = String.fromCharCode(byte);
    this.#line += text;
    return [{ kind: 'echo', text }];
  }

  #erase(count: number): Typed[] | undefined {
    const erased = Math.min(count, this.#line.length);
    if (erased === 0) return undefined;
    this.#line = this.#line.slice(0, this.#line.length - erased);
    return [{ kind: 'echo', text: '\b \b'.repeat(erased) }];
  }

  /** Bytes were kept one by one, so that UTF-8 survives the echo; here they become text. */
  #take(): Typed {
    const text = Buffer.from(this.#line, 'latin1').toString('utf8');
    this.#line = '';
    return { kind: 'line', text };
  }
}
