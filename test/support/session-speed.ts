// How quick recorded sessions are, on a gateway in a process of its own.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DemoClient } from '../../src/cli/demo/check-client.ts';
import { startCli } from './cli.ts';
import { DebugSession, debugSpec, pullImage } from './debug-session.ts';
import { clientOf, portOf } from './gateway-kills.ts';
import { vote } from './http.ts';
import type { Stack } from './stack.ts';
import { until } from './until.ts';

export interface SpeedFigures {
  /** From a key to its echo, one session, milliseconds. */
  readonly echoP50Ms: number;
  readonly echoP95Ms: number;
  readonly echoMaxMs: number;
  /** The same in each of many sessions at once that type all the time, and how many of them there were to the end. */
  readonly atOnce: number;
  readonly crowdP95Ms: number;
  /** One session that prints: megabytes a second. */
  readonly megabytesPerSecond: number;
  /** Bytes that did not arrive, in any session that printed. */
  readonly lost: number;
  /** Growth of the gateway's resident memory while one session prints; most of it waits for the garbage collector. */
  readonly growthMiB: number;
  /** The same while `printers` print at once, shared out among them. */
  readonly growthEachMiB: number;
}

export interface SpeedWanted {
  readonly keys: number;
  /** What each session prints that does. */
  readonly megabytes: number;
  readonly printers: number;
  readonly sessions: number;
}

export async function measureSessions(stack: Stack, wanted: SpeedWanted): Promise<SpeedFigures> {
  const image = await pullImage(stack.as('bob'));
  const run = startCli(['serve', '--config', join(stack.directory, 'talosgate.yaml')]);
  const client = clientOf(stack, 'bob', await portOf(run));
  const several = (count: number, name: string): Promise<DebugSession[]> =>
    beginSeveral(stack, client, image, count, name);
  try {
    const [one] = (await several(1, 'one')) as [DebugSession];
    const echoes = await echo(one, wanted.keys);
    const pid = run.process.pid ?? 0;
    // A first pass, so that what is measured is this output and not the warming up.
    await print(one, 5);
    const idle = await residentMiB(pid);
    const alone = await grown(pid, idle, () => printAll([one], wanted.megabytes));
    one.leave();
    const printers = await several(wanted.printers, 'printer');
    const together = await grown(pid, idle, () => printAll(printers, wanted.megabytes));
    for (const session of printers) session.leave();
    const crowd = await several(wanted.sessions, 'crowd');
    const all = (await Promise.all(crowd.map(session => echo(session, 40)))).flat();
    const atOnce = crowd.filter(session => session.status === undefined).length;
    for (const session of crowd) session.leave();
    return {
      echoP50Ms: quantile(echoes, 0.5),
      echoP95Ms: quantile(echoes, 0.95),
      echoMaxMs: quantile(echoes, 1),
      atOnce,
      crowdP95Ms: quantile(all, 0.95),
      megabytesPerSecond: alone.result.bytes / 1e6 / alone.result.seconds,
      lost: alone.result.lost + together.result.lost,
      growthMiB: alone.growthMiB,
      growthEachMiB: together.growthMiB / wanted.printers,
    };
  } finally {
    client.close();
    run.process.kill('SIGTERM');
    await once(run.process, 'exit');
  }
}

/** So many sessions that are at their prompt; a few begin at a time. */
async function beginSeveral(
  stack: Stack,
  client: DemoClient,
  image: string,
  count: number,
  name: string,
): Promise<DebugSession[]> {
  const sessions: DebugSession[] = [];
  for (let from = 0; from < count; from += 5) {
    const nonces = Array.from({ length: Math.min(5, count - from) }, (_unused, index) => `${name}-${from + index}`);
    sessions.push(...(await Promise.all(nonces.map(nonce => begin(stack, client, image, nonce)))));
  }
  return sessions;
}

/** What something does to the resident memory of a process: its most meanwhile above what it was once. */
async function grown<Result>(
  pid: number,
  before: number,
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly growthMiB: number }> {
  let most = before;
  const probe = setInterval(() => {
    void residentMiB(pid).then(now => {
      most = Math.max(most, now);
    });
  }, 50);
  try {
    return { result: await work(), growthMiB: most - before };
  } finally {
    clearInterval(probe);
  }
}

async function begin(stack: Stack, client: DemoClient, image: string, nonce: string): Promise<DebugSession> {
  const session = new DebugSession(client, debugSpec(image, { env: { TEST: nonce } }));
  await until(() => session.text.includes('reason>'), undefined, 30_000);
  const id = await session.raise();
  await vote(stack.api('carol'), id);
  await until(
    () => session.text.endsWith('# '),
    () => session.text,
    30_000,
  );
  return session;
}

/** Types one key after the other, each once the last one was shown. */
async function echo(session: DebugSession, keys: number): Promise<number[]> {
  const times: number[] = [];
  for (let key = 0; key < keys; key += 1) {
    const length = session.text.length;
    const typed = performance.now();
    session.type('x');
    while (session.text.length === length) await sleep(1);
    times.push(performance.now() - typed);
    await sleep(10);
  }
  session.type('\x15');
  await sleep(100);
  return times;
}

interface Printed {
  readonly seconds: number;
  readonly lost: number;
  readonly bytes: number;
}

/** Has all of them print at once. The simulated shell counts no further than to ten million at a time. */
async function printAll(sessions: readonly DebugSession[], megabytes: number): Promise<Printed> {
  const begun = performance.now();
  const printed = await Promise.all(
    sessions.map(async session => [await print(session, megabytes / 2), await print(session, megabytes / 2)]),
  );
  const total = (field: 'lost' | 'bytes'): number => printed.flat().reduce((sum, one) => sum + one[field], 0);
  return { seconds: (performance.now() - begun) / 1000, lost: total('lost'), bytes: total('bytes') };
}

/** Numbers, line by line, so that one that is missing shows. */
async function print(session: DebugSession, megabytes: number): Promise<Omit<Printed, 'seconds'>> {
  // 9 bytes a line from 1,000,000 on, and 6,888,896 before.
  const last = Math.round((megabytes * 1e6) / 9);
  const expected = Array.from({ length: String(last).length }, (_unused, digits) => {
    const from = 10 ** digits;
    return from > last ? 0 : (Math.min(last, from * 10 - 1) - from + 1) * (digits + 3);
  }).reduce((sum, bytes) => sum + bytes, 0);
  session.text = '';
  session.type(`seq ${last}\r`);
  const echoed = `seq ${last}\r\n`.length;
  const tail = '/ # '.length;
  let bytes = 0;
  const wanted = expected + echoed + tail;
  // A text that grows to its whole length would be copied again and again.
  const count = (): number => {
    bytes += session.text.length;
    session.text = '';
    return bytes;
  };
  await until(
    () => count() >= wanted,
    () => `${bytes} of ${wanted} bytes`,
    600_000,
  );
  return { lost: wanted - bytes, bytes };
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}

function quantile(values: readonly number[], at: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round((sorted[Math.min(sorted.length - 1, Math.floor(at * sorted.length))] ?? 0) * 10) / 10;
}
