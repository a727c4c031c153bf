import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { CommandCase, Step } from '../cases/case.ts';
import { zipEntries } from './zip.ts';

/** What one step left behind. */
export interface Printed {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit code, or what else ended it. */
  readonly exit: number | string;
  /** Contents of the files that the step promised; undefined for one that is not there. */
  readonly files: Readonly<Record<string, string | undefined>>;
}

/** How long a step may take before it counts as hanging. */
const patience = 90_000;
/** Between SIGINT and the end of all patience: talosctl gives running calls a moment. */
const farewell = 10_000;

/** Runs all steps of a case, one after another, in a working folder of its own that is gone afterwards. */
export async function runCase(talosctl: string, talosconfig: string, one: CommandCase): Promise<Printed[]> {
  const folder = await mkdtemp(join(tmpdir(), 'talosgate-talosctl-'));
  try {
    for (const [name, text] of Object.entries(one.files ?? {})) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
    }
    const results: Printed[] = [];
    let picked = '';
    for (const step of one.steps) {
      const run = step.run.map(word => word.replace('PICKED', picked));
      const printed = await runStep(talosctl, talosconfig, folder, { ...step, run });
      picked = step.pick?.exec(printed.stdout)?.[0] ?? picked;
      results.push(printed);
    }
    return results;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runStep(talosctl: string, talosconfig: string, folder: string, step: Step): Promise<Printed> {
  const child = spawn(talosctl, ['--talosconfig', talosconfig, ...step.run], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, TERM: 'dumb', ...step.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = endOf(child, step);
  const { lines, save } = step;
  let interrupted = false;
  const [stdout, stderr] = await Promise.all([
    text(child.stdout, sofar => {
      if (interrupted || lines?.then !== 'interrupt' || lineCount(sofar) < lines.compare) return;
      // Once: talosctl takes a second one as a wish to die at once.
      interrupted = true;
      child.kill('SIGINT');
    }),
    text(child.stderr),
  ]);
  if (save !== undefined) await writeFile(join(folder, save), stdout);
  const files: Record<string, string | undefined> = {};
  for (const name of step.writes ?? []) files[name] = await contentOf(join(folder, name));
  return { stdout: firstLines(stdout, lines?.compare), stderr, exit: await ended, files };
}

async function endOf(child: ChildProcess, step: Step): Promise<number | string> {
  let hung = false;
  const last = setTimeout(() => child.kill('SIGKILL'), patience + farewell);
  const first = setTimeout(() => {
    hung = true;
    child.kill('SIGINT');
  }, patience);
  return await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(first);
      clearTimeout(last);
      resolve(hung ? `no end within ${patience / 1000} s of ${step.run.join(' ')}` : (code ?? String(signal)));
    });
  });
}

async function contentOf(file: string): Promise<string | undefined> {
  const bytes = await readFile(file).catch(() => undefined);
  if (bytes === undefined || !file.endsWith('.zip')) return bytes?.toString('latin1');
  return zipEntries(bytes)
    ?.map(([name, content]) => `=== ${name}\n${content}\n`)
    .join('');
}

async function text(stream: NodeJS.ReadableStream, onGrowth?: (sofar: string) => void): Promise<string> {
  let sofar = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    sofar += String(chunk);
    onGrowth?.(sofar);
  }
  return sofar;
}

function lineCount(value: string): number {
  return value.split('\n').length - 1;
}

function firstLines(value: string, count: number | undefined): string {
  if (count === undefined || lineCount(value) <= count) return value;
  return `${value.split('\n').slice(0, count).join('\n')}\n`;
}
