import type { NodeState } from '../node.ts';
import { type ContainerFiles, createContainerFiles } from './container-files.ts';
import { type ProgramContext, programs } from './programs.ts';
import { interrupted, type Terminal } from './terminal.ts';
import { parseLine } from './words.ts';

/** What is run in a container: an interactive shell, or one program with its words. */
export interface Workload {
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

const shells = new Set(['sh', '/bin/sh', 'ash', '/bin/ash', 'bash', '/bin/bash']);
const interruptStatus = 130;

/** True when the simulated image has something to run under this name. */
export function canRun(name: string): boolean {
  return shells.has(name) || baseName(name) in programs;
}

/** Runs the workload to its end and resolves with the exit status. `signal` aborts when the caller is gone. */
export async function runWorkload(
  node: NodeState,
  workload: Workload,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const session = new Session(node, workload.environment, terminal, signal);
  const [name = '/bin/sh', ...rest] = workload.words;
  if (!shells.has(name)) return session.runProgram([name, ...rest]);
  if (rest[0] === '-c') return session.runText(rest[1] ?? '');
  return session.interact();
}

/** One shell: its directory, its variables, its last status. */
class Session {
  readonly #node: NodeState;
  readonly #files: ContainerFiles;
  readonly #terminal: Terminal;
  readonly #signal: AbortSignal;
  readonly #environment: Map<string, string>;
  #cwd = '/';
  #status = 0;
  #exited = false;

  constructor(node: NodeState, environment: Readonly<Record<string, string>>, terminal: Terminal, signal: AbortSignal) {
    this.#node = node;
    this.#files = createContainerFiles(node);
    this.#terminal = terminal;
    this.#signal = signal;
    this.#environment = new Map([
      ['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      ['HOME', '/root'],
      ['HOSTNAME', node.settings.name],
      ...(terminal.tty ? [['TERM', 'xterm'] as const] : []),
      ...Object.entries(environment),
    ]);
  }

  async interact(): Promise<number> {
    while (!this.#exited) {
      if (this.#terminal.tty) await this.#terminal.write(`${this.#cwd} # `);
      const line = await this.#terminal.readLine();
      if (line === undefined) break;
      if (line === interrupted) {
        this.#status = interruptStatus;
        if (!this.#terminal.tty) break;
      } else await this.runText(line);
    }
    return this.#status;
  }

  async runText(text: string): Promise<number> {
    const commands = parseLine(text, name => this.#variable(name));
    if (typeof commands === 'string') {
      await this.#terminal.write(`sh: ${commands}\n`);
      this.#status = 2;
      return this.#status;
    }
    for (const { words, when } of commands) {
      if (when === 'success' && this.#status !== 0) continue;
      if (when === 'failure' && this.#status === 0) continue;
      this.#status = await this.#run(words);
      if (this.#exited) break;
    }
    return this.#status;
  }

  /** A program started directly, without a shell around it. */
  async runProgram(words: readonly string[]): Promise<number> {
    return this.#run(words);
  }

  async #run(words: readonly string[]): Promise<number> {
    const [name = '', ...rest] = words;
    if (name === 'exit') {
      this.#exited = true;
      return rest[0] === undefined ? this.#status : Number(rest[0]) & 0xff;
    }
    const assignment = /^(\w+)=(.*)$/.exec(name.replace(/^export$/, rest[0] ?? ''));
    if (assignment?.[1] !== undefined) {
      this.#environment.set(assignment[1], assignment[2] ?? '');
      return 0;
    }
    if (shells.has(name)) return rest[0] === '-c' ? this.runText(rest[1] ?? '') : 0;
    const program = programs[baseName(name)];
    if (program === undefined) {
      await this.#terminal.write(`sh: ${name}: not found\n`);
      return 127;
    }
    const interruption = this.#terminal.interruption();
    const context = this.#context(AbortSignal.any([interruption, this.#signal]));
    try {
      const status = await program(rest, context);
      this.#cwd = context.cwd;
      return status;
    } catch (error) {
      if (interruption.aborted) return interruptStatus;
      throw error;
    }
  }

  #context(signal: AbortSignal): ProgramContext {
    return {
      node: this.#node,
      files: this.#files,
      environment: this.#environment,
      size: this.#terminal.size,
      cwd: this.#cwd,
      write: text => this.#terminal.write(text),
      signal,
    };
  }

  #variable(name: string): string {
    return name === '?' ? String(this.#status) : (this.#environment.get(name) ?? '');
  }
}

function baseName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}
