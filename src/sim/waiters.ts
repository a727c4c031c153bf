import { cancelled } from './sim-call.ts';

/** Readers that sleep until something new happens. */
export class Waiters {
  readonly #sleepers = new Set<() => void>();

  wake(): void {
    for (const wake of [...this.#sleepers]) wake();
  }

  /** Resolves at the next `wake`; rejects with CANCELLED when the signal aborts. */
  sleep(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#sleepers.delete(wake);
        signal.removeEventListener('abort', onAbort);
      };
      const wake = (): void => {
        leave();
        resolve();
      };
      const onAbort = (): void => {
        leave();
        reject(cancelled());
      };
      if (signal.aborted) {
        reject(cancelled());
        return;
      }
      signal.addEventListener('abort', onAbort);
      this.#sleepers.add(wake);
    });
  }
}
