// Postgres that takes everything and answers nothing, under a gateway that is asked all the time.
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { followLogs, paths, reboot, version, worker2 } from './calls.ts';
import type { Stack } from './stack.ts';
import { until } from './until.ts';

export interface BlackHoleFigures {
  /** Calls that were asked meanwhile, and how they ended. */
  readonly asked: number;
  readonly codes: Readonly<Record<number, number>>;
  /** Longest answer of the first ones, and of those that came after the breaker had opened, milliseconds. */
  readonly slowestMs: number;
  readonly slowestFastMs: number;
  /** Calls that reached a node. */
  readonly forwarded: number;
  /** From the end of the outage to the first call that was answered, milliseconds. */
  readonly returnMs: number;
  /** What is in use on the heap, a sixth into the outage and at its end, each time after a collection, MiB. */
  readonly heapMiB: readonly [number, number];
}

/** Swallows what goes to and from the database for so long, with twelve callers who try again and again. */
export async function swallowDatabase(stack: Stack, ms: number): Promise<BlackHoleFigures> {
  await until(async () => (await version(stack.as('alice'))).code === 0);
  stack.wire.swallow();
  stack.clearCalls();
  const started = performance.now();
  const codes: Record<number, number> = {};
  let [asked, slowestMs, slowestFastMs] = [0, 0, 0];
  let open = false;
  const again = async (
    call: () => Promise<{ readonly code: number; readonly milliseconds: number }>,
  ): Promise<void> => {
    while (performance.now() < started + ms) {
      const known = open;
      const { code, milliseconds } = await call();
      asked += 1;
      codes[code] = (codes[code] ?? 0) + 1;
      slowestMs = Math.max(slowestMs, milliseconds);
      if (known) slowestFastMs = Math.max(slowestFastMs, milliseconds);
      // Refused without a wait: the breaker is open from here on.
      else if (milliseconds < 100) open = true;
      await sleep(10);
    }
  };
  const memory = async (): Promise<[number, number]> => {
    await sleep(ms / 6);
    const first = heapInUse();
    await sleep(ms - ms / 6);
    return [first, heapInUse()];
  };
  const [heapMiB] = await Promise.all([
    memory(),
    ...Array.from({ length: 8 }, () => again(() => version(stack.as('alice')))),
    ...Array.from({ length: 2 }, () => again(() => reboot(stack.as('bob'), { node: worker2 }))),
    ...Array.from({ length: 2 }, () => again(() => followLogs(stack.as('carol'), { node: worker2 }))),
  ]);
  const asking = new Set<string>([paths.version, paths.reboot, paths.logs]);
  const forwarded = Object.values(stack.nodes)
    .flatMap(({ control }) => control.calls())
    .filter(({ path, metadata }) => asking.has(path) && metadata.get('x-talosgate-call-id')?.[0] !== 'gateway').length;
  stack.wire.mend();
  const mended = performance.now();
  await until(async () => (await version(stack.as('alice'))).code === 0, undefined, 20_000);
  const returnMs = performance.now() - mended;
  return { asked, codes, slowestMs, slowestFastMs, forwarded, returnMs, heapMiB };
}

function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return Math.round(process.memoryUsage().heapUsed / 2 ** 20);
}
