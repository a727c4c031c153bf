import { signCheckpoint } from '../tlog/checkpoint.ts';
import type { Signer } from '../tlog/note.ts';
import type { Tile, TileBuilder } from '../tlog/tiles.ts';
import { contiguous, type Follower, storedTree } from './follower.ts';
import { expectSame } from './fork.ts';
import type { SealStore } from './store.ts';
import { leavesOf, readTileBuilder } from './tree-reader.ts';

/** Most records that one checkpoint adds. */
const page = 4_096;

/**
 * Signs what has been added since the newest checkpoint, which the follower must have caught up with. Two sealers at once
 * are harmless: both come to the same tree, and the database takes the checkpoint of one.
 */
export class Sealer {
  readonly #signer: Signer;
  readonly #follower: Follower;
  #tiles: { readonly size: number; readonly builder: TileBuilder } | undefined;

  constructor(signer: Signer, follower: Follower) {
    this.#signer = signer;
    this.#follower = follower;
  }

  /**
   * Adds one checkpoint when there are new records. `added`: there may be more to do. `lost`: another sealer was first.
   * Rejects with ForkError, and signs nothing, when a record is missing or not what its hash says.
   */
  async seal(store: SealStore): Promise<'added' | 'nothing' | 'lost'> {
    const origin = this.#signer.verifier.name;
    const edge = this.#follower.frontier;
    const from = edge.size;
    const rows = await store.entries(from, from + page);
    if (rows.length === 0) {
      // A log that lost its beginning before it was sealed can never be: there is nothing to make the first hashes of.
      expectSame(((await store.firstRecord()) ?? from) <= from, `record ${from} is gone and was never sealed`);
      return 'nothing';
    }
    const entries = contiguous(rows, from);
    expectSame(entries.length === rows.length, `record ${from + entries.length} is gone`);
    const leaves = leavesOf(entries);
    const odd = entries.find(({ leaf }, at) => leaves[at]?.equals(leaf) !== true);
    expectSame(odd === undefined, `record ${odd?.idx ?? 0} was changed: it is not what its leaf hash says`);
    this.#follower.compareOwn(from, leaves);

    const frontier = edge.clone();
    const builder = await this.#builderAt(store, from);
    const tiles: Tile[] = [];
    for (const leaf of leaves) {
      frontier.append(leaf);
      tiles.push(...builder.append(leaf));
    }
    const size = frontier.size;
    const root = frontier.root();
    this.#tiles = undefined;
    const note = signCheckpoint({ origin, size, root }, this.#signer);
    if (!(await store.add({ origin, previous: from, size, root, note, leaves, tiles }))) return 'lost';
    this.#tiles = { size, builder };
    this.#follower.advance(frontier);
    return 'added';
  }

  async #builderAt(store: SealStore, size: number): Promise<TileBuilder> {
    if (this.#tiles?.size === size) return this.#tiles.builder;
    return await readTileBuilder(storedTree(store, this.#signer.verifier.name), size);
  }
}
