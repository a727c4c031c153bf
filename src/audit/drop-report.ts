import type { Clock } from '../core/clock.ts';

/** Counts records that could not be kept, and says so at most once a second however many they are. */
export class DropReport {
  readonly #clock: Clock;
  readonly #report: (problem: string, cause: unknown) => void;
  #total = 0;
  #untold = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, report: (problem: string, cause: unknown) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  /** Since start. */
  get total(): number {
    return this.#total;
  }

  count(cause: unknown): void {
    this.#total += 1;
    this.#untold += 1;
    if (this.#clock.monotonic() - this.#toldAt >= 1_000_000) this.tell(cause);
  }

  /** Says what was not said yet. */
  tell(cause?: unknown): void {
    if (this.#untold === 0) return;
    this.#report(`${this.#untold} audit record(s) that nobody waited for could not be kept`, cause);
    this.#untold = 0;
    this.#toldAt = this.#clock.monotonic();
  }
}
