// The benchmark's side of the line to its processes.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Answer, Question } from './child.ts';

/** A running child process that said it was ready. */
export interface Child {
  readonly pid: number;
  readonly ready: Readonly<Record<string, unknown>>;
  /** Asks and waits. Rejects when the child cannot do it or has died. */
  ask(what: string, params?: unknown): Promise<unknown>;
  /** Lets it end by itself, so that a CPU profile is written; kills it after ten seconds. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  readonly module: URL;
  readonly settings: unknown;
  /** Options for node itself, such as `--cpu-prof`. */
  readonly nodeOptions?: readonly string[];
}

/** Starts a module as a process of its own. Its errors go to our standard error. Rejects when it ends before it is ready. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const process = fork(options.module, [JSON.stringify(options.settings)], {
    execArgv: [...(options.nodeOptions ?? [])],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const ready = Promise.withResolvers<unknown>();
  waiting.set(0, ready);
  process.on('message', (answer: Answer) => {
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (answer.error === undefined) asked?.resolve(answer.result);
    else asked?.reject(new Error(answer.error));
  });
  process.on('exit', code => {
    for (const asked of waiting.values()) asked.reject(new Error(`${options.module.pathname} ended with code ${code}`));
    waiting.clear();
  });
  const info = (await ready.promise) as Readonly<Record<string, unknown>>;
  let last = 0;
  return {
    pid: process.pid ?? 0,
    ready: info,
    ask: async (ask, params) => {
      if (process.exitCode !== null) throw new Error(`${options.module.pathname} is not running any more`);
      const asked = Promise.withResolvers<unknown>();
      const question: Question = { id: ++last, ask, params };
      waiting.set(question.id, asked);
      process.send(question);
      return await asked.promise;
    },
    stop: () => stop(process),
  };
}

async function stop(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const ended = once(process, 'exit');
  const impatience = setTimeout(() => process.kill('SIGKILL'), 10_000);
  process.disconnect();
  await ended;
  clearTimeout(impatience);
}
