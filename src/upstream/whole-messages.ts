import type { Writable } from 'node:stream';

/** Messages up to this length leave in one piece or not at all. */
const holdBytes = 256 * 1024;

/**
 * Writes a gRPC byte stream so that it can be ended with a status at any time: the piece of a message that is not
 * complete yet is held back. A client that finds the stream cut inside a message reports INTERNAL (grpc-go: unexpected
 * EOF) whatever status follows. Messages over 256 KiB pass as they come.
 */
export class WholeMessages {
  readonly #out: Writable;
  #held: Buffer[] = [];

  constructor(out: Writable) {
    this.#out = out;
  }

  /**
   * Takes a chunk, the offset behind the last message that ends in it, and the announced length of the message that is
   * open after it. False: wait for `drain`.
   */
  write(chunk: Buffer, boundary: number, open: number): boolean {
    if (this.#held.length === 0 && boundary === chunk.length) return this.#out.write(chunk);
    const ready = open > holdBytes ? chunk.length : boundary;
    if (ready === 0) {
      this.#held.push(chunk);
      return true;
    }
    this.#out.cork();
    this.flush();
    const more = this.#out.write(ready === chunk.length ? chunk : chunk.subarray(0, ready));
    this.#out.uncork();
    if (ready < chunk.length) this.#held.push(chunk.subarray(ready));
    return more;
  }

  /** Writes what is held, whole or not. */
  flush(): void {
    for (const piece of this.#held) this.#out.write(piece);
    this.#held = [];
  }
}
