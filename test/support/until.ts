import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until a condition holds; after `limitMs` fails with what `describe` says. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  describe: () => string | Promise<string> = () => condition.toString(),
  limitMs = 8_000,
): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not so within ${limitMs} ms: ${await describe()}`);
    await sleep(10);
  }
}

/** Lets the second pass in which refusals of strangers are counted together: more than ten get no record of their own. */
export function strangersForgotten(): Promise<void> {
  return sleep(1_050);
}
