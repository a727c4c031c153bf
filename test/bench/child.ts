// The child's side of the line between the benchmark and its processes.

/** What a child can be asked; parameters and answers are plain data. */
export type Handlers = Readonly<Record<string, (params: never) => unknown>>;

export interface Question {
  readonly id: number;
  readonly ask: string;
  readonly params: unknown;
}

export type Answer =
  | { readonly id: number; readonly result: unknown; readonly error: undefined }
  | { readonly id: number; readonly result: undefined; readonly error: string };

/** Settings that the parent gave this process. The parent is ours too, so they are taken as they come. */
export function childSettings(): unknown {
  return JSON.parse(process.argv[2] ?? '{}');
}

/** What every subject is told. */
export interface SubjectSettings {
  /** Directory that `writePki` filled. */
  readonly pki: string;
  /** Port of the benchmark's node on 127.0.0.1. */
  readonly upstream: number;
}

export function subjectSettings(): SubjectSettings {
  return childSettings() as SubjectSettings;
}

/** CPU seconds that this process has used, all threads. */
function usage(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Says that the child is ready and answers from then on. `usage` and `memory` (RSS, bytes) are always understood. */
export function serveParent(ready: Readonly<Record<string, unknown>>, handlers: Handlers = {}): void {
  const all: Handlers = { usage, memory: () => process.memoryUsage.rss(), ...handlers };
  process.on('message', (question: Question) => {
    void answer(all, question).then(reply => process.send?.(reply));
  });
  // A child must not outlive its parent. A plain exit also makes V8 write the CPU profile, if one was asked for.
  process.on('disconnect', () => process.exit(0));
  process.on('SIGTERM', () => process.exit(0));
  process.send?.({ id: 0, result: ready, error: undefined } satisfies Answer);
}

async function answer(handlers: Handlers, { id, ask, params }: Question): Promise<Answer> {
  try {
    const handler = handlers[ask];
    if (handler === undefined) throw new Error(`this process does not understand "${ask}"`);
    return { id, result: await handler(params as never), error: undefined };
  } catch (thrown) {
    return {
      id,
      result: undefined,
      error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
    };
  }
}
