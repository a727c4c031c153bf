import { setTimeout as sleep } from 'node:timers/promises';
import type { HeldTerminal } from '../../src/approvals/hold-input.ts';

type Input = Awaited<ReturnType<HeldTerminal['next']>>;

/** The far end of a held call as a test drives it: messages go in, what was printed can be waited for. */
export class ScriptedTerminal implements HeldTerminal {
  readonly tty: boolean;
  readonly #queue: Input[] = [];
  #printed = '';
  #waiting: ((input: Input) => void) | undefined;

  constructor(options: { tty: boolean } = { tty: true }) {
    this.tty = options.tty;
  }

  /** Everything printed so far, byte for byte. */
  get printed(): string {
    return this.#printed;
  }

  /** Messages that nobody has read yet. */
  get unread(): number {
    return this.#queue.length;
  }

  write(text: string): void {
    this.#printed += text;
  }

  async next(signal: AbortSignal): Promise<Input> {
    signal.throwIfAborted();
    const ready = this.#queue.shift();
    if (ready !== undefined) return ready;
    if (this.#waiting !== undefined) throw new Error('next was called again before it had settled');
    const arrived = Promise.withResolvers<Input>();
    const giveUp = (): void => {
      this.#waiting = undefined;
      arrived.reject(signal.reason);
    };
    signal.addEventListener('abort', giveUp, { once: true });
    this.#waiting = input => {
      this.#waiting = undefined;
      signal.removeEventListener('abort', giveUp);
      arrived.resolve(input);
    };
    return await arrived.promise;
  }

  send(...inputs: Input[]): void {
    for (const input of inputs) {
      if (this.#waiting === undefined) this.#queue.push(input);
      else this.#waiting(input);
    }
  }

  type(text: string): void {
    this.send({ kind: 'stdin', data: Buffer.from(text, 'utf8') });
  }

  /** Resolves once the text was printed; rejects after five seconds with what was printed instead. */
  async shows(text: string): Promise<void> {
    const end = Date.now() + 5_000;
    while (!this.#printed.includes(text)) {
      await sleep(5);
      if (Date.now() > end) throw new Error(`never printed ${JSON.stringify(text)}, only:\n${this.#printed}`);
    }
  }
}
