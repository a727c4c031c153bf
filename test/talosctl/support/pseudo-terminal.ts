import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { until } from '../../support/until.ts';

/** What opens a terminal for a program: Node has nothing for it. */
export type Opener = 'script' | 'python3';

/** The first program of this machine that can open a pseudo terminal, or why there is none. */
export function findOpener(): { readonly opener: Opener } | { readonly missing: string } {
  if (says('script', ['--version'], /util-linux/)) return { opener: 'script' };
  if (says('python3', ['-c', 'import pty; print("pty")'], /pty/)) return { opener: 'python3' };
  return { missing: 'neither script of util-linux nor python3 is here to open a terminal' };
}

/** A program that runs in a terminal of its own. */
export class PseudoTerminal {
  readonly #child: ChildProcess;
  #text = '';
  /** Exit code or signal, once it has ended. */
  exit: number | string | undefined;

  constructor(opener: Opener, words: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }) {
    const [program, ...more] = wrap(opener, words);
    this.#child = spawn(program ?? '', more, { ...options, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (this.#text += chunk));
    this.#child.on('close', (code, signal) => (this.exit = code ?? String(signal)));
    this.#child.stdin?.on('error', () => undefined);
  }

  /** Everything on the terminal so far, without carriage returns and control sequences. */
  get text(): string {
    return this.#text.replaceAll(/\x1b\[[0-9;?]*[A-Za-z]|[\r\x07]/g, '');
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** Resolves with the whole text once the pattern is there; fails with what is there instead. */
  async shows(pattern: RegExp): Promise<string> {
    await until(
      () => pattern.test(this.text),
      () => `${String(pattern)} on the terminal, which shows:\n${this.text}`,
      20_000,
    );
    return this.text;
  }

  /** Resolves with exit code or signal. */
  async ended(): Promise<number | string> {
    await until(
      () => this.exit !== undefined,
      () => `the end; the terminal shows:\n${this.text}`,
      20_000,
    );
    return this.exit ?? '';
  }

  close(): void {
    this.#child.stdin?.destroy();
    if (this.exit === undefined) this.#child.kill('SIGKILL');
  }
}

function wrap(opener: Opener, words: readonly string[]): string[] {
  if (opener === 'script')
    return ['script', '--quiet', '--return', '--command', words.map(quote).join(' '), '/dev/null'];
  const program = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';
  return ['python3', '-c', program, ...words];
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function says(program: string, words: readonly string[], pattern: RegExp): boolean {
  try {
    return pattern.test(execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return false;
  }
}
