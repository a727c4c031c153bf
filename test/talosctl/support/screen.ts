import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';

/** Full-screen programs in a tmux of their own, which draws what they print. */
export class Screen {
  readonly #server = `talosgate-${randomBytes(6).toString('hex')}`;

  /** Undefined when this machine has a tmux, else why there is no screen. */
  static missing(): string | undefined {
    try {
      execFileSync('tmux', ['-V'], { stdio: 'ignore' });
      return undefined;
    } catch {
      return 'no tmux here to draw a full screen';
    }
  }

  constructor(words: readonly string[], env: NodeJS.ProcessEnv) {
    const size = ['-x', '160', '-y', '50'];
    const program = words.map(word => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    this.#tmux(['-f', '/dev/null', 'new-session', '-d', ...size, program], env);
  }

  /** What stands on the screen now; empty once the program has ended. */
  get text(): string {
    try {
      return this.#tmux(['capture-pane', '-p']);
    } catch {
      return '';
    }
  }

  /** A key by the name that tmux has for it. */
  press(key: string): void {
    this.#tmux(['send-keys', key]);
  }

  close(): void {
    try {
      this.#tmux(['kill-server']);
    } catch {
      // It ended with its only program.
    }
  }

  #tmux(words: readonly string[], env: NodeJS.ProcessEnv = process.env): string {
    return execFileSync('tmux', ['-L', this.#server, ...words], {
      encoding: 'utf8',
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  }
}
