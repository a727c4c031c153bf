import { GateError } from '../core/gate-error.ts';
import type { Group } from './entry.ts';

/** Bounds of each of the two queues, and of one batch. */
export interface IntakeLimits {
  readonly queueRecords: number;
  readonly queueBytes: number;
  readonly batchRecords: number;
  readonly batchBytes: number;
}

export const defaultLimits: IntakeLimits = {
  queueRecords: 4_096,
  queueBytes: 16 * 1024 * 1024,
  batchRecords: 256,
  batchBytes: 1024 * 1024,
};

/**
 * Two bounded queues. What nobody waits for (outcomes) has its own and goes first: it ends calls that have begun, and it
 * must still fit when callers have filled the other one.
 */
export class Intake {
  readonly #limits: IntakeLimits;
  readonly #awaited = new Queue();
  readonly #unattended = new Queue();

  constructor(limits: IntakeLimits) {
    this.#limits = limits;
  }

  get records(): number {
    return this.#awaited.records + this.#unattended.records;
  }

  get bytes(): number {
    return this.#awaited.bytes + this.#unattended.bytes;
  }

  /**
   * Throws GateError `overloaded` when the group does not fit. Groups that somebody waits for are refused already when
   * the other queue is three quarters full, because their outcomes would have to go there.
   */
  offer(group: Group): void {
    const queue = group.awaited ? this.#awaited : this.#unattended;
    if (this.#isOver(queue, group, 1) || (group.awaited && this.#isOver(this.#unattended, undefined, 0.75))) {
      throw new GateError('overloaded', 'the audit log cannot keep up, nothing was forwarded; try again shortly');
    }
    queue.push(group);
  }

  /** Takes the next batch: several groups, or one alone that claims an approval. Groups given up meanwhile are dropped. */
  take(): Group[] {
    const batch: Group[] = [];
    let records = 0;
    let bytes = 0;
    for (const queue of [this.#unattended, this.#awaited]) {
      for (let next = queue.peek(); next !== undefined; next = queue.peek()) {
        if (next.state !== 'waiting') {
          queue.shift();
          continue;
        }
        const single = next.claim !== undefined || next.alone;
        const full =
          records + next.entries.length > this.#limits.batchRecords || bytes + next.bytes > this.#limits.batchBytes;
        if (batch.length > 0 && (full || single)) return batch;
        queue.shift();
        batch.push(next);
        records += next.entries.length;
        bytes += next.bytes;
        if (single) return batch;
      }
    }
    return batch;
  }

  /** Puts a batch that certainly did not land back to where it came from, in order. */
  putBack(batch: readonly Group[]): void {
    for (const group of batch.toReversed()) (group.awaited ? this.#awaited : this.#unattended).unshift(group);
  }

  /** Every group in either queue. */
  *groups(): Generator<Group> {
    yield* this.#unattended.groups();
    yield* this.#awaited.groups();
  }

  /** Takes out everything that somebody waits for. */
  takeAwaited(): Group[] {
    const taken: Group[] = [];
    for (let next = this.#awaited.shift(); next !== undefined; next = this.#awaited.shift()) taken.push(next);
    return taken;
  }

  #isOver(queue: Queue, group: Group | undefined, share: number): boolean {
    const { queueRecords, queueBytes } = this.#limits;
    return (
      queue.records + (group?.entries.length ?? 0) > queueRecords * share ||
      queue.bytes + (group?.bytes ?? 0) > queueBytes * share
    );
  }
}

/** First in, first out, without moving the rest at each step. */
class Queue {
  #groups: Group[] = [];
  #start = 0;
  records = 0;
  bytes = 0;

  push(group: Group): void {
    this.#groups.push(group);
    this.#count(group, 1);
  }

  unshift(group: Group): void {
    if (this.#start > 0) {
      this.#start -= 1;
      this.#groups[this.#start] = group;
    } else {
      this.#groups.unshift(group);
    }
    this.#count(group, 1);
  }

  peek(): Group | undefined {
    return this.#groups[this.#start];
  }

  shift(): Group | undefined {
    const group = this.#groups[this.#start];
    if (group === undefined) return undefined;
    this.#start += 1;
    if (this.#start === this.#groups.length || this.#start > 1_024) {
      this.#groups = this.#groups.slice(this.#start);
      this.#start = 0;
    }
    this.#count(group, -1);
    return group;
  }

  *groups(): Generator<Group> {
    for (let index = this.#start; index < this.#groups.length; index += 1) {
      const group = this.#groups[index];
      if (group !== undefined) yield group;
    }
  }

  #count(group: Group, sign: 1 | -1): void {
    this.records += sign * group.entries.length;
    this.bytes += sign * group.bytes;
  }
}
