import type { Clock } from './clock.ts';

/** Refusals that have no record of their own, over a while. */
export interface DenialCounts {
  /** When the first one was counted, milliseconds since the epoch. */
  readonly since: number;
  readonly total: number;
  /** Source prefix and reason to number; the overflow stands under `other`. */
  readonly sources: ReadonlyMap<string, number>;
  /** Principal and reason to number, for callers who proved who they are. */
  readonly principals: ReadonlyMap<string, number>;
}

/** Kept apart at a time; the rest goes to one bucket. So many that a summary fits into one record of 16 KiB. */
const maxSources = 100;
const maxPrincipals = 24;

/** Counts refusals exactly, in bounded memory whoever and however many they come from. */
export class DenialTally {
  readonly #clock: Clock;
  #since = 0;
  #total = 0;
  #sources = new Map<string, number>();
  #principals = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `reason` has to come from a closed list. */
  countSource(source: string, reason: string): void {
    this.#count(1);
    bump(this.#sources, `${source} ${reason}`, `other ${reason}`, 1, maxSources);
  }

  countPrincipal(principal: string, reason: string): void {
    this.#count(1);
    bump(this.#principals, `${principal} ${reason}`, `other ${reason}`, 1, maxPrincipals);
  }

  /** What was counted since the last time, and starts anew; undefined when there was nothing. */
  take(): DenialCounts | undefined {
    if (this.#total === 0) return undefined;
    const taken = {
      since: this.#since,
      total: this.#total,
      sources: this.#sources,
      principals: this.#principals,
    };
    this.#total = 0;
    this.#sources = new Map();
    this.#principals = new Map();
    return taken;
  }

  /** Adds counts that were taken but could not be written. */
  putBack(counts: DenialCounts): void {
    this.#count(counts.total);
    this.#since = Math.min(this.#since, counts.since);
    for (const [key, n] of counts.sources) bump(this.#sources, key, otherOf(key), n, maxSources);
    for (const [key, n] of counts.principals) bump(this.#principals, key, otherOf(key), n, maxPrincipals);
  }

  #count(n: number): void {
    if (this.#total === 0) this.#since = this.#clock.now();
    this.#total += n;
  }
}

function bump(counts: Map<string, number>, key: string, other: string, n: number, most: number): void {
  const own = counts.has(key) || counts.size < most ? key : other;
  counts.set(own, (counts.get(own) ?? 0) + n);
}

function otherOf(key: string): string {
  return `other ${key.slice(key.lastIndexOf(' ') + 1)}`;
}
