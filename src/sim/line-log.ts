import { Waiters } from './waiters.ts';

/**
 * A bounded log of lines with followers. While somebody follows, `source` adds lines at the given rate; without
 * followers no timer runs, so that a process can hold many idle nodes.
 */
export class LineLog {
  readonly #source: () => string;
  readonly #linesPerSecond: number;
  readonly #bound: number;
  #lines: string[] = [];
  /** Position of the first kept line, counted from the beginning of time. */
  #first = 0;
  readonly #waiters = new Waiters();
  #followers = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(source: () => string, linesPerSecond: number, bound = 4000) {
    this.#source = source;
    this.#linesPerSecond = linesPerSecond;
    this.#bound = bound;
  }

  append(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > this.#bound) {
      this.#lines.shift();
      this.#first += 1;
    }
    this.#waiters.wake();
  }

  clear(): void {
    this.#first += this.#lines.length;
    this.#lines = [];
  }

  /** The last `count` lines; all of them when it is undefined. */
  tail(count?: number): readonly string[] {
    if (count === undefined) return [...this.#lines];
    return count === 0 ? [] : this.#lines.slice(-count);
  }

  /**
   * Lines from the last `count` on, and then as they come. Rejects when the signal aborts. A reader that is too slow
   * for the bound misses lines.
   */
  async *follow(count: number | undefined, signal: AbortSignal): AsyncGenerator<readonly string[], void> {
    const end = this.#first + this.#lines.length;
    let next = count === undefined ? this.#first : Math.max(this.#first, end - count);
    this.#enter();
    try {
      for (;;) {
        next = Math.max(next, this.#first);
        const batch = this.#lines.slice(next - this.#first);
        next += batch.length;
        if (batch.length > 0) yield batch;
        else await this.#waiters.sleep(signal);
      }
    } finally {
      this.#leave();
    }
  }

  #enter(): void {
    this.#followers += 1;
    if (this.#timer !== undefined || this.#linesPerSecond <= 0) return;
    const tick = Math.max(20, 1000 / this.#linesPerSecond);
    let due = 0;
    this.#timer = setInterval(() => {
      due += (this.#linesPerSecond * tick) / 1000;
      for (; due >= 1; due -= 1) this.append(this.#source());
    }, tick);
  }

  #leave(): void {
    this.#followers -= 1;
    if (this.#followers > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
