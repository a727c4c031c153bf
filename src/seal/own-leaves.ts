import type { DurableBatch } from '../core/durable-batch.ts';
import { hashBytes } from '../tlog/merkle.ts';

interface Run {
  readonly first: number;
  readonly leaves: Buffer;
  /** Monotonic microseconds when the run became durable. */
  readonly since: number;
}

/** Most leaves that are remembered, 32 bytes each. Beyond it the oldest are let go unchecked, and counted. */
const defaultLimit = 500_000;

/** Leaf hashes of this process's own acknowledged records, until a checkpoint covers them. */
export class OwnLeaves {
  readonly #limit: number;
  readonly #runs: Run[] = [];
  #count = 0;
  #end = 0;
  #unchecked = 0;

  constructor(limit: number = defaultLimit) {
    this.#limit = limit;
  }

  /** Index after the newest acknowledged record; the database must never hold fewer records. */
  get end(): number {
    return this.#end;
  }

  /** Index of the oldest record that no checkpoint covers yet. */
  get first(): number | undefined {
    return this.#runs[0]?.first;
  }

  /** When the oldest of them became durable, in monotonic microseconds. */
  get since(): number | undefined {
    return this.#runs[0]?.since;
  }

  /** How many were let go unchecked because there were too many. */
  get unchecked(): number {
    return this.#unchecked;
  }

  add({ firstIndex, leaves }: DurableBatch, since: number): void {
    this.#runs.push({ first: firstIndex, leaves, since });
    this.#count += leaves.length / hashBytes;
    this.#end = Math.max(this.#end, firstIndex + leaves.length / hashBytes);
    while (this.#count > this.#limit) {
      const dropped = this.#runs.shift();
      if (dropped === undefined) return;
      this.#count -= dropped.leaves.length / hashBytes;
      this.#unchecked += dropped.leaves.length / hashBytes;
    }
  }

  /** The first of these leaves, which stand from `from` on, that is not what was acknowledged; undefined when all agree. */
  firstForeign(from: number, leaves: readonly Buffer[]): number | undefined {
    for (const run of this.#runs) {
      const end = run.first + run.leaves.length / hashBytes;
      for (let idx = Math.max(run.first, from); idx < Math.min(end, from + leaves.length); idx++) {
        const at = (idx - run.first) * hashBytes;
        if (leaves[idx - from]?.equals(run.leaves.subarray(at, at + hashBytes)) !== true) return idx;
      }
    }
    return undefined;
  }

  /** Forgets what a checkpoint of this size covers. */
  coveredUpTo(size: number): void {
    for (let run = this.#runs[0]; run !== undefined && run.first < size; run = this.#runs[0]) {
      this.#runs.shift();
      const left = run.first + run.leaves.length / hashBytes - size;
      this.#count -= run.leaves.length / hashBytes;
      if (left <= 0) continue;
      this.#runs.unshift({ ...run, first: size, leaves: run.leaves.subarray(run.leaves.length - left * hashBytes) });
      this.#count += left;
      return;
    }
  }
}
