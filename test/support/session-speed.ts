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
  /** The same in each of fifty sessions at once that type all the time. */
  readonly atOnce: number;
  readonly crowdP95Ms: number;
  /** One session that prints: megabytes a second, and bytes that did not arrive. */
  readonly megabytesPerSecond: number;
  readonly lost: number;
  /** Growth of the gateway's resident memory while it prints: its most above what it was before. */
  readonly growthMiB: number;
}

export async function measureSessions(
  stack: Stack,
  wanted: { readonly keys: number; readonly megabytes: number; readonly sessions: number },
): Promise<SpeedFigures> {
  const image = await pullImage(stack.as('bob'));
  const run = startCli(['serve', '--config', join(stack.directory, 'talosgate.yaml')]);
  const client = clientOf(stack, 'bob', await portOf(run));
  try {
    const one = await begin(stack, client, image, 'one');
    const echoes = await echo(one, wanted.keys);
    const pid = run.process.pid ?? 0;
    // A first pass, so that what is measured is this output and not the warming up.
    await print(one, 5);
    const before = await residentMiB(pid);
    let most = before;
    const probe = setInterval(() => void residentMiB(pid).then(now => (most = Math.max(most, now))), 50);
    // The simulated shell counts no further than to ten million at a time.
    const halves = [await print(one, wanted.megabytes / 2), await print(one, wanted.megabytes / 2)];
    const total = (field: 'seconds' | 'lost' | 'bytes'): number => halves.reduce((sum, half) => sum + half[field], 0);
    clearInterval(probe);
    one.leave();
    const crowd = await Promise.all(
      Array.from({ length: wanted.sessions }, (_unused, index) => begin(stack, client, image, `crowd-${index}`)),
    );
    const all = (await Promise.all(crowd.map(session => echo(session, 40)))).flat();
    const atOnce = crowd.filter(session => session.status === undefined).length;
    for (const session of crowd) session.leave();
    return {
      echoP50Ms: quantile(echoes, 0.5),
      echoP95Ms: quantile(echoes, 0.95),
      echoMaxMs: quantile(echoes, 1),
      atOnce,
      crowdP95Ms: quantile(all, 0.95),
      megabytesPerSecond: total('bytes') / 1e6 / total('seconds'),
      lost: total('lost'),
      growthMiB: most - before,
    };
  } finally {
    client.close();
    run.process.kill('SIGTERM');
    await once(run.process, 'exit');
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

/** Numbers, line by line, so that one that is missing shows. */
async function print(
  session: DebugSession,
  megabytes: number,
): Promise<{ seconds: number; lost: number; bytes: number }> {
  // 9 bytes a line from 1,000,000 on, and 6,888,896 before.
  const last = Math.round((megabytes * 1e6) / 9);
  const expected = Array.from({ length: String(last).length }, (_unused, digits) => {
    const from = 10 ** digits;
    return from > last ? 0 : (Math.min(last, from * 10 - 1) - from + 1) * (digits + 3);
  }).reduce((sum, bytes) => sum + bytes, 0);
  session.text = '';
  const begun = performance.now();
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
  const seconds = (performance.now() - begun) / 1000;
  return { seconds, lost: wanted - bytes, bytes };
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}

function quantile(values: readonly number[], at: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round((sorted[Math.min(sorted.length - 1, Math.floor(at * sorted.length))] ?? 0) * 10) / 10;
}
