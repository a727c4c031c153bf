import type { AuditRecord } from '../core/audit-record.ts';
import { GateError } from '../core/gate-error.ts';
import type { Group, Lane } from './entry.ts';
import { Queue } from './queue.ts';
import { outcomeBytes, Reservations } from './reservations.ts';

/** Bounds of the queues, and of one batch. */
export interface IntakeLimits {
  /** Of what callers wait for, and again of what nobody waits for; strangers have a quarter of that, to themselves. */
  readonly queueRecords: number;
  readonly queueBytes: number;
  /** Of outcomes: those that are queued, and those that are still to come for intents that were taken in. */
  readonly outcomeRecords: number;
  readonly outcomeBytes: number;
  readonly batchRecords: number;
  readonly batchBytes: number;
}

export const defaultLimits: IntakeLimits = {
  queueRecords: 4_096,
  queueBytes: 16 * 1024 * 1024,
  outcomeRecords: 16_384,
  outcomeBytes: 48 * 1024 * 1024,
  batchRecords: 256,
  batchBytes: 1024 * 1024,
};

/**
 * In what order a batch is filled, and how much of it each lane may have at that turn. Outcomes go first: they end calls
 * that have begun. What nobody waits for gets a share, so that neither it nor callers starve.
 */
const turns: readonly (readonly [lane: Lane, share: number])[] = [
  ['outcome', 1],
  ['unawaited', 0.25],
  ['stranger', 0.25],
  ['awaited', 1],
  ['unawaited', 1],
  ['stranger', 1],
];

/**
 * What waits to be written, in lanes with a bound each. An intent is only taken in together with room for its outcome, so
 * an outcome always fits; it comes in by the lane `outcome`, which nothing else may use.
 */
export class Intake {
  readonly #limits: IntakeLimits;
  readonly #lanes: Readonly<Record<Lane, Queue>> = {
    outcome: new Queue(),
    awaited: new Queue(),
    stranger: new Queue(),
    unawaited: new Queue(),
  };
  readonly #reserved = new Reservations();

  constructor(limits: IntakeLimits) {
    this.#limits = limits;
  }

  get records(): number {
    return Object.values(this.#lanes).reduce((sum, lane) => sum + lane.records, 0);
  }

  get bytes(): number {
    return Object.values(this.#lanes).reduce((sum, lane) => sum + lane.bytes, 0);
  }

  /** True when something is here and all of it may wait a little for company. */
  get patient(): boolean {
    return this.records > 0 && Object.values(this.#lanes).every(lane => lane.patient === lane.records);
  }

  /** Outcomes for which room is kept: those of intents that are queued, under way or open. */
  get reserved(): number {
    return this.#reserved.records;
  }

  /** The lane of a record that nobody waits for. */
  laneOf(record: AuditRecord): Lane {
    return record.kind === 'call.outcome' && this.#reserved.has(record) ? 'outcome' : 'unawaited';
  }

  /**
   * Throws GateError `overloaded`, and changes nothing, when the group does not fit, or the outcomes of its intents would
   * not. A group in the lane `outcome` always fits.
   */
  offer(group: Group): void {
    const lane = this.#lanes[group.lane];
    if (group.lane === 'outcome') {
      for (const { record } of group.entries) this.#reserved.release(record);
    } else {
      const share = group.lane === 'stranger' ? 0.25 : 1;
      const queueRecords = this.#limits.queueRecords * share;
      const queueBytes = this.#limits.queueBytes * share;
      if (lane.records + group.entries.length > queueRecords || lane.bytes + group.bytes > queueBytes)
        throw overloaded();
      this.#reserve(group);
    }
    lane.push(group);
  }

  /** Takes the next batch: several groups, or one alone that claims an approval. Groups given up meanwhile are dropped. */
  take(): Group[] {
    const batch: Group[] = [];
    let records = 0;
    let bytes = 0;
    for (const [name, share] of turns) {
      const lane = this.#lanes[name];
      let ofLane = 0;
      for (let next = lane.peek(); next !== undefined; next = lane.peek()) {
        if (next.state !== 'waiting') {
          lane.shift();
          this.release(next);
          continue;
        }
        if (ofLane >= this.#limits.batchRecords * share) break;
        const single = next.claim !== undefined || next.alone;
        const full =
          records + next.entries.length > this.#limits.batchRecords || bytes + next.bytes > this.#limits.batchBytes;
        if (batch.length > 0 && (full || single)) return batch;
        lane.shift();
        batch.push(next);
        records += next.entries.length;
        ofLane += next.entries.length;
        bytes += next.bytes;
        if (single) return batch;
      }
    }
    return batch;
  }

  /** Puts a batch that certainly did not land back to where it came from, in order. */
  putBack(batch: readonly Group[]): void {
    for (const group of batch.toReversed()) this.#lanes[group.lane].unshift(group);
  }

  /** Gives back the room for the outcomes of intents that will never be written. */
  release(group: Group): void {
    for (const { record } of group.entries) if (record.kind === 'call.intent') this.#reserved.release(record);
  }

  /** Every group in any lane. */
  *groups(): Generator<Group> {
    for (const lane of Object.values(this.#lanes)) yield* lane.groups();
  }

  /** Takes out everything that somebody waits for. */
  takeAwaited(): Group[] {
    const taken: Group[] = [];
    for (const lane of [this.#lanes.awaited, this.#lanes.stranger]) {
      for (let next = lane.shift(); next !== undefined; next = lane.shift()) taken.push(next);
    }
    return taken;
  }

  #reserve(group: Group): void {
    const intents = group.entries.flatMap(({ record }) => (record.kind === 'call.intent' ? [record] : []));
    if (intents.length === 0) return;
    const { outcome } = this.#lanes;
    const records = this.#reserved.records + outcome.records + intents.length;
    const bytes = this.#reserved.bytes + outcome.bytes + intents.reduce((sum, one) => sum + outcomeBytes(one), 0);
    if (records > this.#limits.outcomeRecords || bytes > this.#limits.outcomeBytes) throw overloaded();
    for (const intent of intents) this.#reserved.take(intent);
  }
}

function overloaded(): GateError {
  return new GateError('overloaded', 'the audit log cannot keep up, nothing was forwarded; try again shortly');
}
