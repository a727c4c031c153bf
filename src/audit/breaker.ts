import { type Clock, systemClock } from '../core/clock.ts';

/** How often a failing database is asked again. */
export interface BreakerSettings {
  /** Failures in a row after which new work is refused at once. */
  readonly failures: number;
  /** Pause before another try while still closed, in milliseconds. */
  readonly retryMs: number;
  /** Pause between probes while open, in milliseconds. */
  readonly probeMs: number;
}

export const defaultBreaker: BreakerSettings = { failures: 3, retryMs: 100, probeMs: 1_000 };

/** Counts failures in a row. Open means: do not even queue, the answer is known. */
export class Breaker {
  readonly #settings: BreakerSettings;
  #failures = 0;
  readonly #clock: Clock;
  #reason: string | undefined;
  #since = 0;

  constructor(settings: BreakerSettings, clock: Clock = systemClock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** How long it has been failing, in milliseconds; 0 after a success. */
  get failingMs(): number {
    return this.#failures === 0 ? 0 : (this.#clock.monotonic() - this.#since) / 1000;
  }

  get open(): boolean {
    return this.#failures >= this.#settings.failures;
  }

  /** Why the last try failed; undefined after a success. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** How long to wait before the next try, in milliseconds. */
  get pauseMs(): number {
    return this.open ? this.#settings.probeMs : this.#settings.retryMs;
  }

  /** Counts one more failure. True when this is the one that opens the breaker. */
  failed(reason: string): boolean {
    if (this.#failures === 0) this.#since = this.#clock.monotonic();
    this.#failures += 1;
    this.#reason = reason;
    return this.#failures === this.#settings.failures;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#reason = undefined;
  }
}
