import { LineDiscipline } from './line-discipline.ts';

/** Where a shell reads and writes. */
export interface Terminal {
  /** Next line without its end; undefined when no more will come; `interrupted` when the user typed Ctrl-C instead. */
  readLine(): Promise<string | undefined | typeof interrupted>;
  /** Resolves when the other side took it. */
  write(text: string): Promise<void>;
  /** Aborts at the next Ctrl-C or SIGINT; a new one each time it is asked for. */
  interruption(): AbortSignal;
  readonly tty: boolean;
  readonly size: { readonly width: number; readonly height: number };
}

export const interrupted = Symbol('interrupted');

/** The other end of a terminal: what arrives on the wire. */
export interface TerminalInput {
  data(bytes: Uint8Array): void;
  interrupt(): void;
  resize(width: number, height: number): void;
  /** The user's side was closed. */
  end(): void;
}

const maxWaiting = 10_000;

/** A terminal over a byte stream. Without `tty` there is no echo, no editing and Ctrl-C is an ordinary byte. */
export function createTerminal(
  tty: boolean,
  send: (bytes: Buffer) => Promise<void>,
): { readonly terminal: Terminal; readonly input: TerminalInput; readonly drained: () => Promise<void> } {
  const lines: (string | typeof interrupted)[] = [];
  const discipline = new LineDiscipline();
  let ended = false;
  let reading = false;
  let partial = Buffer.alloc(0);
  let wake: () => void = () => undefined;
  let interruption = new AbortController();
  let size = { width: 80, height: 24 };
  let sending: Promise<void> = Promise.resolve();

  const write = (text: string): Promise<void> => {
    const bytes = tty ? text.replaceAll(/\r?\n/g, '\r\n') : text;
    sending = sending.then(() => send(Buffer.from(bytes)));
    return sending;
  };
  const push = (line: string | typeof interrupted): void => {
    if (lines.length < maxWaiting) lines.push(line);
    wake();
  };
  const interrupt = (): void => {
    interruption.abort();
    // While a program runs the abort is enough; the shell shows its prompt anyway.
    if (reading) push(interrupted);
  };
  const typed = (bytes: Uint8Array): void => {
    for (const event of discipline.feed(bytes)) {
      if (event.kind === 'echo') {
        sending = sending.then(() => send(Buffer.from(event.text, 'latin1')));
        // A failed echo shows at the next write of the shell.
        sending.catch(() => undefined);
      } else if (event.kind === 'line') push(event.text);
      else if (event.kind === 'interrupt') interrupt();
      else end();
    }
  };
  const piped = (bytes: Uint8Array): void => {
    const parts = Buffer.concat([partial, bytes]).toString('latin1').split('\n');
    partial = Buffer.from(parts.pop() ?? '', 'latin1');
    for (const part of parts) push(Buffer.from(part, 'latin1').toString('utf8'));
  };
  const end = (): void => {
    if (partial.length > 0) push(partial.toString('utf8'));
    partial = Buffer.alloc(0);
    ended = true;
    wake();
  };
  return {
    // An echo may still be on its way when the program is over.
    drained: () => sending,
    terminal: {
      tty,
      get size() {
        return size;
      },
      async readLine() {
        reading = true;
        while (lines.length === 0 && !ended) {
          await new Promise<void>(resolve => {
            wake = resolve;
          });
        }
        reading = false;
        return lines.shift();
      },
      write,
      interruption() {
        if (interruption.signal.aborted) interruption = new AbortController();
        return interruption.signal;
      },
    },
    input: {
      data: tty ? typed : piped,
      interrupt,
      resize(width, height) {
        size = { width, height };
      },
      end,
    },
  };
}
