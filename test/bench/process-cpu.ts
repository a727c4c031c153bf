// CPU of processes that cannot be asked, from proc(5). Elsewhere than on Linux there is nothing to read: NaN then.
import { readdirSync, readFileSync } from 'node:fs';

/** CPU seconds of one process. Steps of 10 ms. */
export function processSeconds(pid: number): number {
  return statOf(pid)?.seconds ?? Number.NaN;
}

/** CPU seconds of a process and its present children: a Postgres server with its backends, as long as none of them ends. */
export function familySeconds(pid: number): number {
  const own = statOf(pid);
  if (own === undefined) return Number.NaN;
  let sum = own.seconds;
  for (const name of readdirSync('/proc')) {
    const other = /^[0-9]+$/.test(name) ? statOf(Number(name)) : undefined;
    if (other?.parent === pid) sum += other.seconds;
  }
  return sum;
}

function statOf(pid: number): { readonly parent: number; readonly seconds: number } | undefined {
  try {
    // The name in the second field may hold anything, so count from its closing bracket: state, ppid, ..., utime, stime.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
    return { parent: Number(fields[1]), seconds: (Number(fields[11]) + Number(fields[12])) / 100 };
  } catch {
    return undefined;
  }
}
