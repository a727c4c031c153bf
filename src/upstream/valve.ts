/** Why a direction of a call may have to wait. */
export const waits = { full: 1, inspecting: 2 } as const;

/** Keeps a source paused for as long as at least one reason to wait holds. */
export class Valve {
  readonly #source: { pause(): void; resume(): void };
  #reasons = 0;

  constructor(source: { pause(): void; resume(): void }) {
    this.#source = source;
  }

  hold(reason: number): void {
    if (this.#reasons === 0) this.#source.pause();
    this.#reasons |= reason;
  }

  release(reason: number): void {
    if (this.#reasons === 0) return;
    this.#reasons &= ~reason;
    if (this.#reasons === 0) this.#source.resume();
  }
}
