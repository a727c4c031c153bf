import { posix } from 'node:path';
import { sizeOf } from '../files/file-tree.ts';
import type { NodeState } from '../node.ts';
import { pause } from '../sim-call.ts';
import type { ContainerFiles } from './container-files.ts';

/** What a program of the built-in shell may use. */
export interface ProgramContext {
  readonly node: NodeState;
  readonly files: ContainerFiles;
  readonly environment: ReadonlyMap<string, string>;
  readonly size: { readonly width: number; readonly height: number };
  /** Absolute. */
  cwd: string;
  readonly write: (text: string) => Promise<void>;
  /** Aborts when the user interrupts or leaves. */
  readonly signal: AbortSignal;
}

/** Runs with its words, the name left out; resolves with the exit status. */
export type Program = (words: readonly string[], context: ProgramContext) => Promise<number>;

/** Everything that can be started in a debug container. Nothing here touches the machine that runs the simulation. */
export const programs: Readonly<Record<string, Program>> = {
  cat,
  cd(words, context) {
    const path = resolve(context, words[0] ?? '/root');
    const found = context.files.lookup(path);
    if (!found.ok || found.entry.kind !== 'directory')
      return fail(context, `cd: can't cd to ${path}: No such file or directory`);
    context.cwd = path;
    return Promise.resolve(0);
  },
  date: (_words, { node, write }) => say(write, new Date(node.clock.now()).toUTCString()),
  echo: (words, { write }) => say(write, words.join(' ')),
  env: (_words, { environment, write }) =>
    say(write, [...environment].map(([name, value]) => `${name}=${value}`).join('\n')),
  false: () => Promise.resolve(1),
  hostname: (_words, { node, write }) => say(write, node.settings.name),
  id: (_words, { write }) => say(write, 'uid=0(root) gid=0(root) groups=0(root)'),
  ls,
  ps: (_words, { write }) =>
    say(
      write,
      'PID   USER     COMMAND\n    1 root     /sbin/init\n 1800 root     /apid\n 2101 root     kubelet\n 5821 root     sh',
    ),
  pwd: (_words, { cwd, write }) => say(write, cwd),
  seq,
  async sleep(words, { signal }) {
    await pause(Number(words[0] ?? 0) * 1000, signal);
    return 0;
  },
  stty: (_words, { size, write }) => say(write, `${size.height} ${size.width}`),
  true: () => Promise.resolve(0),
  uname: (words, { node, write }) =>
    say(
      write,
      words.includes('-a')
        ? `Linux ${node.settings.name} 6.18.44-talos #1 SMP PREEMPT_DYNAMIC x86_64 Linux`
        : words.includes('-r')
          ? '6.18.44-talos'
          : 'Linux',
    ),
  whoami: (_words, { write }) => say(write, 'root'),
  async yes(words, { write, signal }) {
    const line = `${words[0] ?? 'y'}\n`.repeat(512);
    for (;;) {
      await write(line);
      await pause(1, signal);
    }
  },
};

async function cat(words: readonly string[], context: ProgramContext): Promise<number> {
  let status = 0;
  for (const word of words) {
    const found = context.files.lookup(resolve(context, word));
    if (!found.ok) status = await fail(context, `cat: can't open '${word}': No such file or directory`);
    else if (found.entry.kind !== 'file') status = await fail(context, 'cat: read error: Is a directory');
    else await context.write(found.entry.read().toString('utf8'));
  }
  return status;
}

async function ls(words: readonly string[], context: ProgramContext): Promise<number> {
  const long = words.some(word => /^-\w*l/.test(word));
  const paths = words.filter(word => !word.startsWith('-'));
  for (const path of paths.length === 0 ? ['.'] : paths) {
    const found = context.files.lookup(resolve(context, path));
    if (!found.ok) return fail(context, `ls: ${path}: No such file or directory`);
    const entries = found.entry.kind === 'directory' ? [...found.entry.entries] : [[path, found.entry] as const];
    const lines = entries
      .map(([name, entry]) => {
        const kind = entry.kind === 'directory' ? 'd' : entry.kind === 'link' ? 'l' : '-';
        return long
          ? `${kind}${permissions(entry.mode)}    1 root     root     ${String(sizeOf(entry)).padStart(9)} ${name}`
          : name;
      })
      .sort();
    if (lines.length > 0) await context.write(`${lines.join('\n')}\n`);
  }
  return 0;
}

async function seq(words: readonly string[], { write, signal }: ProgramContext): Promise<number> {
  const last = Math.min(Number(words[0] ?? 0), 10_000_000);
  for (let next = 1; next <= last; next += 1000) {
    signal.throwIfAborted();
    const count = Math.min(1000, last - next + 1);
    await write(Array.from({ length: count }, (_unused, index) => `${next + index}\n`).join(''));
  }
  return 0;
}

async function say(write: ProgramContext['write'], text: string): Promise<number> {
  await write(`${text}\n`);
  return 0;
}

async function fail({ write }: ProgramContext, message: string): Promise<number> {
  await write(`${message}\n`);
  return 1;
}

function resolve({ cwd }: ProgramContext, path: string): string {
  return posix.resolve('/', cwd, path);
}

function permissions(mode: number): string {
  return [6, 3, 0]
    .map(shift => (mode >> shift) & 7)
    .map(bits => `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${bits & 1 ? 'x' : '-'}`)
    .join('');
}
