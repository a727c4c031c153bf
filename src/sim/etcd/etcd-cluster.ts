import { createHash } from 'node:crypto';

/** A member of the simulated etcd. */
export interface EtcdMember {
  readonly id: bigint;
  readonly name: string;
  readonly address: string;
}

export type EtcdAlarm = 'NOSPACE' | 'CORRUPT';

/** What the control-plane nodes of one cluster share. */
export class EtcdCluster {
  readonly #members = new Map<bigint, EtcdMember>();
  readonly #alarms = new Map<bigint, EtcdAlarm>();
  #leader = 0n;
  #term = 3n;
  #index = 41_000n;
  /** Version that a downgrade in progress leads to. */
  downgrade: string | undefined;

  get members(): readonly EtcdMember[] {
    return [...this.#members.values()];
  }

  get leader(): bigint {
    return this.#leader;
  }

  get term(): bigint {
    return this.#term;
  }

  get alarms(): ReadonlyMap<bigint, EtcdAlarm> {
    return this.#alarms;
  }

  /** Grows with every look, as in a cluster that works. */
  nextIndex(): bigint {
    this.#index += 7n;
    return this.#index;
  }

  join(name: string, address: string): void {
    const id = this.memberOf(name);
    this.#members.set(id, { id, name, address });
    if (this.#leader === 0n) this.#leader = id;
  }

  /** Id that a node's member has, whether it is one now or not. */
  memberOf(name: string): bigint {
    return createHash('sha256').update(`etcd ${name}`).digest().readBigUInt64BE(0);
  }

  /** False when there is no such member. */
  remove(id: bigint): boolean {
    const removed = this.#members.delete(id);
    if (this.#leader === id) this.#elect(id);
    return removed;
  }

  /** Another member leads, if there is one; the name of the leader then. */
  forfeit(id: bigint): string {
    if (this.#leader === id) this.#elect(id);
    return this.#members.get(this.#leader)?.name ?? '';
  }

  raise(id: bigint, alarm: EtcdAlarm): void {
    this.#alarms.set(id, alarm);
  }

  disarm(): ReadonlyMap<bigint, EtcdAlarm> {
    const before = new Map(this.#alarms);
    this.#alarms.clear();
    return before;
  }

  #elect(not: bigint): void {
    const next = this.members.find(({ id }) => id !== not);
    if (next === undefined) return;
    this.#leader = next.id;
    this.#term += 1n;
  }
}
