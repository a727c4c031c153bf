import type { Clock } from '../core/clock.ts';
import { consistencyProof } from '../tlog/proof.ts';
import { storedTree } from './follower.ts';
import { ForkError } from './fork.ts';
import type { SealStore } from './store.ts';
import { createSubtreeReader } from './tree-reader.ts';
import { addCheckpoint, type WitnessAnswer, type WitnessTarget } from './witness-client.ts';

export interface WitnessStanding {
  readonly name: string;
  /** Size of the newest checkpoint that it is known to have cosigned. */
  readonly size: number;
  /** When it last answered as it should, in milliseconds since the epoch; undefined: not since the start. */
  readonly answeredAt: number | undefined;
  readonly trouble: string | undefined;
}

/** Has the newest checkpoint cosigned by every witness, each at its own pace. */
export class Witnessing {
  readonly #origin: string;
  readonly #witnesses: readonly WitnessTarget[];
  readonly #clock: Clock;
  readonly #standings = new Map<WitnessTarget, WitnessStanding>();

  constructor(origin: string, witnesses: readonly WitnessTarget[], clock: Clock) {
    this.#origin = origin;
    this.#witnesses = witnesses;
    this.#clock = clock;
  }

  get standings(): readonly WitnessStanding[] {
    return this.#witnesses.map(
      witness =>
        this.#standings.get(witness) ?? { name: witness.key.name, size: 0, answeredAt: undefined, trouble: undefined },
    );
  }

  /**
   * Asks every witness about the newest checkpoint. A witness that does not answer is noted and nothing more; one that has
   * seen more than the database holds, or something else, makes this reject with ForkError.
   */
  async round(store: SealStore, timeoutMs: number): Promise<void> {
    const { newest } = await store.standing(this.#origin);
    const asked = await Promise.allSettled(
      this.#witnesses.map(witness => this.#ask(store, witness, newest, timeoutMs)),
    );
    const forks = asked.flatMap(one =>
      one.status === 'rejected' && one.reason instanceof ForkError ? [one.reason] : [],
    );
    if (forks[0] !== undefined) throw forks[0];
    const failed = asked.find(one => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  async #ask(
    store: SealStore,
    witness: WitnessTarget,
    newest: { readonly size: number; readonly note: string } | undefined,
    timeoutMs: number,
  ): Promise<void> {
    if (newest === undefined) return;
    const { name } = witness.key;
    let old = this.#standings.get(witness)?.size ?? (await store.witnessed(this.#origin, name));
    // The second answer settles it, unless another replica asks at the same time: then the next round does.
    for (let attempt = 0; attempt < 3; attempt++) {
      if (old > newest.size) {
        throw new ForkError(`witness ${name} has seen ${old} records, the newest checkpoint here is of ${newest.size}`);
      }
      const read = createSubtreeReader(storedTree(store, this.#origin));
      const proof = await consistencyProof(read, old, newest.size);
      const answer = await addCheckpoint(witness, old, proof, newest.note, timeoutMs);
      if (answer.kind === 'refused') {
        throw new ForkError(`witness ${name} has seen another log: ours does not continue its ${old} records`);
      }
      if (answer.kind !== 'other-size') {
        await this.#settle(store, witness, newest.size, answer);
        return;
      }
      old = answer.size;
    }
  }

  async #settle(store: SealStore, witness: WitnessTarget, size: number, answer: WitnessAnswer): Promise<void> {
    const { name } = witness.key;
    const before = this.#standings.get(witness);
    if (answer.kind === 'cosigned') {
      await store.cosign(this.#origin, size, name, answer.line);
      this.#standings.set(witness, { name, size, answeredAt: this.#clock.now(), trouble: undefined });
    } else if (answer.kind === 'away') {
      const known = before?.size ?? (await store.witnessed(this.#origin, name));
      this.#standings.set(witness, { name, size: known, answeredAt: before?.answeredAt, trouble: answer.why });
    }
  }
}
