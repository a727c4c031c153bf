/** A short wait that anybody may end early. */
export class Linger {
  #end: (() => void) | undefined;

  /** Resolves after `ms`, or as soon as `end` is called. One wait at a time. */
  async wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#end = () => resolve(undefined);
    const timer = setTimeout(this.#end, ms);
    await promise;
    clearTimeout(timer);
    this.#end = undefined;
  }

  /** Ends the wait under way, if there is one. */
  end(): void {
    this.#end?.();
  }
}
