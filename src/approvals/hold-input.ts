import type { DebugInput } from '../core/debug-input.ts';
import type { LineEditor } from './line-editor.ts';

/** The far end of a debug stream while it is held. Whoever implements it reads ahead as little as possible. */
export interface HeldTerminal {
  /** True when the caller has a terminal: it is in raw mode and shows what is written, as it is written. */
  readonly tty: boolean;
  write(text: string): void;
  /**
   * The next message of the caller. `half-close`: they will send no more. `gone`: the stream was reset. Rejects when the
   * signal aborts, without having consumed anything. Called again only after the last call has settled.
   */
  next(signal: AbortSignal): Promise<DebugInput | { readonly kind: 'half-close' } | { readonly kind: 'gone' }>;
}

export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** How the caller left: still listening after an interrupt or a half-close, or not there any more. */
export type Leaving = 'interrupt' | 'gone';

/** HUP, INT, QUIT and TERM: what talosctl passes on as `signal` when its caller wants out. */
const leavingSignals: readonly number[] = [1, 2, 3, 15];
const ctrlC = 0x03;

/** Reads a held terminal, remembering the last size it reported: the container will want to know. */
export class HeldInput {
  readonly #terminal: HeldTerminal;
  #size: TerminalSize | undefined;

  constructor(terminal: HeldTerminal) {
    this.#terminal = terminal;
  }

  get size(): TerminalSize | undefined {
    return this.#size;
  }

  /** Throws away whatever is typed until the caller leaves. Resolves with undefined when the signal aborts first. */
  async untilLeft(signal: AbortSignal): Promise<Leaving | undefined> {
    for (;;) {
      const input = await this.#next(signal);
      if (input === undefined || typeof input === 'string') return input;
      if (input.data.includes(ctrlC)) return 'interrupt';
    }
  }

  /** Reads one line, echoing it. Asks again while it is empty. Resolves with undefined when the signal aborts first. */
  async readLine(editor: LineEditor, signal: AbortSignal): Promise<{ readonly line: string } | Leaving | undefined> {
    this.#terminal.write(editor.start());
    for (;;) {
      editor.resize(this.#size?.width ?? 0);
      const input = await this.#next(signal);
      if (input === 'gone') return input;
      if (input === 'interrupt') return this.#leaveLine();
      if (input === undefined) {
        // Ended from here: what there is to say about that stands below what was typed.
        this.#leaveLine();
        return undefined;
      }
      const { state, echo } = editor.type(input.data);
      this.#terminal.write(echo);
      if (state === 'left') return this.#leaveLine();
      if (state === 'typing') continue;
      this.#terminal.write('\r\n');
      const line = editor.text.trim();
      if (line !== '') return { line };
      this.#terminal.write(editor.start());
    }
  }

  /** The next keys, or how the caller left. Sizes are kept, signals that mean nothing here are dropped. */
  async #next(signal: AbortSignal): Promise<{ readonly data: Uint8Array } | Leaving | undefined> {
    for (;;) {
      if (signal.aborted) return undefined;
      const input = await this.#terminal.next(signal).catch((thrown: unknown) => {
        if (signal.aborted) return undefined;
        throw thrown;
      });
      switch (input?.kind) {
        case undefined:
          return undefined;
        case 'stdin':
          return { data: input.data };
        case 'resize':
          this.#size = { width: input.width, height: input.height };
          break;
        case 'signal':
          if (leavingSignals.includes(input.signal)) return 'interrupt';
          break;
        case 'half-close':
          return 'interrupt';
        case 'gone':
          return 'gone';
        case 'spec':
          // A second specification is not what was decided on; the stream guard refuses it, and here it ends the wait.
          return 'interrupt';
      }
    }
  }

  #leaveLine(): Leaving {
    this.#terminal.write('\r\n');
    return 'interrupt';
  }
}
