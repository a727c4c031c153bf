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
  #reason: string | undefined;

  constructor(settings: BreakerSettings) {
    this.#settings = settings;
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
    this.#failures += 1;
    this.#reason = reason;
    return this.#failures === this.#settings.failures;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#reason = undefined;
  }
}
