import type { SessionEvent } from '../sessions/events.ts';
import type { SessionBody } from './recording-stream.ts';

/**
 * Turns a recording into asciicast v2, line by line: https://docs.asciinema.org/manual/asciicast/v2/. Output as `o`,
 * resizes as `r`, and lines of input that were kept as `i`, at the moment their echo was complete.
 */
export class AsciicastWriter {
  readonly #session: SessionBody;
  /** A character may lie across two events. */
  readonly #output = new TextDecoder();
  #size: { readonly width: number; readonly height: number } = { width: 80, height: 24 };
  #begun = false;
  #last = 0;

  constructor(session: SessionBody) {
    this.#session = session;
  }

  /** Lines for the next event. The header comes with the first one: the size of the terminal is the first thing it tells. */
  add(event: SessionEvent): string[] {
    if (!this.#begun && event.kind === 'resize') {
      this.#size = event;
      return this.#begin();
    }
    const lines = this.#begin();
    switch (event.kind) {
      case 'output': {
        const text = this.#output.decode(event.data, { stream: true });
        if (text !== '') lines.push(this.#line(event.at, 'o', text));
        break;
      }
      case 'echoed':
        lines.push(this.#line(this.#last, 'i', event.data.toString('utf8')));
        break;
      case 'resize':
        lines.push(this.#line(event.at, 'r', `${event.width}x${event.height}`));
        break;
      case 'typed':
      case 'signal':
      case 'end-of-input':
      case 'exit':
        break;
    }
    return lines;
  }

  /** What is left at the end: a header at least. */
  end(): string[] {
    const lines = this.#begin();
    const text = this.#output.decode();
    if (text !== '') lines.push(this.#line(this.#last, 'o', text));
    return lines;
  }

  #begin(): string[] {
    if (this.#begun) return [];
    this.#begun = true;
    const { id, user, node, started } = this.#session;
    const header = {
      version: 2,
      ...this.#sizeFields(),
      timestamp: Math.floor(Date.parse(started) / 1000),
      title: `${user} on ${node}, session ${id}`,
      env: { TERM: 'xterm-256color', SHELL: '/bin/sh' },
    };
    return [JSON.stringify(header)];
  }

  #sizeFields(): { width: number; height: number } {
    const { width, height } = this.#size;
    return { width: Math.max(1, width), height: Math.max(1, height) };
  }

  /** Times never go back. */
  #line(at: number, code: string, data: string): string {
    this.#last = Math.max(this.#last, at);
    return JSON.stringify([this.#last / 1e6, code, data]);
  }
}
