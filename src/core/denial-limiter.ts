import type { Clock } from './clock.ts';

export interface DenialLimits {
  /** Refusals of strangers that are recorded one by one, per second: in total, and of one source. */
  readonly perSecond: number;
  readonly perSourceSecond: number;
}

const defaultDenialLimits: DenialLimits = { perSecond: 50, perSourceSecond: 10 };

/** Says which refusals are recorded one by one: the first ones of each second. The rest has to be counted. */
export class DenialLimiter {
  readonly #clock: Clock;
  readonly #limits: DenialLimits;
  /** Never more sources than `perSecond`, for only those let through are remembered. */
  readonly #bySource = new Map<string, number>();
  #start = Number.NEGATIVE_INFINITY;
  #total = 0;

  constructor(clock: Clock, limits: DenialLimits = defaultDenialLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** True when this refusal may have a record of its own. */
  admit(source: string): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#start >= 1_000_000) {
      this.#start = now;
      this.#total = 0;
      this.#bySource.clear();
    }
    const ofSource = this.#bySource.get(source) ?? 0;
    if (this.#total >= this.#limits.perSecond || ofSource >= this.#limits.perSourceSecond) return false;
    this.#total += 1;
    this.#bySource.set(source, ofSource + 1);
    return true;
  }
}
