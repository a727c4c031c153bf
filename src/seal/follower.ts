import { openCheckpoint } from '../tlog/checkpoint.ts';
import { Frontier } from '../tlog/frontier.ts';
import type { Hash } from '../tlog/merkle.ts';
import type { Verifier } from '../tlog/note.ts';
import { readFrontier } from '../tlog/proof.ts';
import { expectSame } from './fork.ts';
import type { OwnLeaves } from './own-leaves.ts';
import type { SealStore, Standing, StoredCheckpoint } from './store.ts';
import { createSubtreeReader, type TileSource } from './tree-reader.ts';

/** Records read at a time. */
const page = 8_192;
const tileWidth = 256;

/** The hashes of one origin, from the database. */
export function storedTree(store: SealStore, origin: string): TileSource {
  return {
    leaves: async (from, to) => contiguous(await store.leaves(from, to), from).map(({ leaf }) => leaf),
    tile: (level, n) => store.tile(origin, level, n),
  };
}

/**
 * Follows the checkpoints in the database as every replica does: from the edge it knows it adds the stored leaves and must
 * arrive at the signed root, so each checkpoint is consistent with all that this replica has seen before, and its own
 * records are in it.
 */
export class Follower {
  readonly #log: Verifier;
  readonly #own: OwnLeaves;
  #frontier: Frontier | undefined;

  /** Goes on at `frontier`; without one it believes the newest checkpoint of the database when it first sees it. */
  constructor(log: Verifier, own: OwnLeaves, frontier: Frontier | undefined) {
    this.#log = log;
    this.#own = own;
    this.#frontier = frontier;
  }

  /** The edge of the newest checkpoint that was followed. */
  get frontier(): Frontier {
    return this.#frontier ?? new Frontier();
  }

  /** Catches up with the database. True when there was something new. Rejects with ForkError when it does not fit. */
  async follow(store: SealStore): Promise<boolean> {
    // Before the question, so that what is acknowledged meanwhile cannot look lost.
    const acknowledged = this.#own.end;
    const { records, newest }: Standing = await store.standing(this.#log.name);
    expectSame(records >= acknowledged, `records ${records} to ${acknowledged - 1}, written by this process, are gone`);
    const known = this.frontier.size;
    if (newest === undefined) {
      expectSame(known === 0, `the checkpoints of ${known} records are gone`);
      return false;
    }
    this.#verify(newest);
    expectSame(newest.size >= known, `the checkpoint of ${known} records is gone, the newest is of ${newest.size}`);
    expectSame(records >= newest.size, `records ${records} to ${newest.size - 1} were signed and are gone`);
    const frontier = this.#frontier?.clone() ?? (await this.#begin(store, newest.size));
    while (frontier.size < newest.size) {
      const from = frontier.size;
      const rows = await store.leaves(from, Math.min(from + page, newest.size));
      const kept = contiguous(rows, from).map(({ leaf }) => leaf);
      const leaves = kept.length > 0 ? kept : await this.#pruned(store, from);
      expectSame(leaves.length > 0, `record ${from} is gone`);
      this.compareOwn(from, leaves);
      for (const leaf of leaves) frontier.append(leaf);
    }
    expectSame(
      frontier.root().equals(newest.root),
      `records between ${known} and ${newest.size} are not the ones that were signed`,
    );
    const isNew = this.#frontier === undefined || newest.size > known;
    this.advance(frontier);
    return isNew;
  }

  /** Takes over an edge that a checkpoint of this process has just made the newest one. */
  advance(frontier: Frontier): void {
    this.#frontier = frontier;
    this.#own.coveredUpTo(frontier.size);
  }

  /** Throws ForkError when one of the leaves is not the one that this process was told to be durable. */
  compareOwn(from: number, leaves: readonly Hash[]): void {
    const foreign = this.#own.firstForeign(from, leaves);
    expectSame(foreign === undefined, `record ${foreign ?? 0} is not the one that this process wrote`);
  }

  #verify(newest: StoredCheckpoint): void {
    const opened = openCheckpoint(newest.note, this.#log);
    const sound = opened?.size === newest.size && opened.root.equals(newest.root);
    expectSame(sound, `the checkpoint of ${newest.size} records was not signed with the key of this log`);
  }

  /**
   * Stored hashes of records that were taken out since this replica last looked; the signed root confirms them. Only where
   * the whole beginning is gone: whether that was allowed is for the verifier to say.
   */
  async #pruned(store: SealStore, from: number): Promise<readonly Hash[]> {
    const first = await store.firstRecord();
    if (first === undefined || first <= from) return [];
    const hashes = await store.tile(this.#log.name, 0, Math.floor(from / tileWidth));
    return hashes?.slice(from % tileWidth, Math.min(tileWidth, (from % tileWidth) + first - from)) ?? [];
  }

  /** Without a memory of its own: from the newest checkpoint, or from before the own records that it covers. */
  async #begin(store: SealStore, size: number): Promise<Frontier> {
    const start = Math.min(size, this.#own.first ?? size);
    return await readFrontier(createSubtreeReader(storedTree(store, this.#log.name)), start);
  }
}

/** The rows as long as they follow one another from `from` on. */
export function contiguous<Row extends { readonly idx: number }>(rows: readonly Row[], from: number): readonly Row[] {
  const gap = rows.findIndex((row, at) => row.idx !== from + at);
  return gap < 0 ? rows : rows.slice(0, gap);
}
