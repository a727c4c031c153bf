import { cosignedAt, openCheckpoint, parseCheckpoint } from '../../tlog/checkpoint.ts';
import type { Frontier } from '../../tlog/frontier.ts';
import { type Hash, hashBytes, splitHashes } from '../../tlog/merkle.ts';
import { parseSignatureLines, type Verifier } from '../../tlog/note.ts';
import type { TrustPolicy } from '../../tlog/policy.ts';
import { firstDifference, firstRecordOf, type TileBuilder } from '../../tlog/tiles.ts';
import type { Findings } from './findings.ts';
import type { LogCheckpoint, LogSource } from './source.ts';

/** A root that the tree must have had at a size: an anchor from outside, or a checkpoint of an earlier origin. */
export interface Milestone {
  readonly size: number;
  readonly root: Hash;
  /** Called when the tree has come that far. */
  readonly reached: (isSame: boolean) => void;
}

export interface TreeCheckOptions {
  readonly source: LogSource;
  readonly origin: string;
  readonly policy: TrustPolicy;
  readonly findings: Findings;
  /** Where the records begin, as the tiles tell it. */
  readonly frontier: Frontier;
  readonly builder: TileBuilder;
  readonly milestones: Milestone[];
}

/**
 * Holds leaves, stored hashes, tiles and checkpoints of one origin against one another, checkpoint by checkpoint. Where
 * they differ the signed root says who is right, so that the record that was changed is named and all after it still checked.
 */
export class TreeCheck {
  readonly #options: TreeCheckOptions;
  readonly #log: Verifier | undefined;
  readonly #frontier: Frontier;
  readonly #begin: number;
  /** Leaves of the records since the last checkpoint; undefined where a record is missing. */
  #pending: (Hash | undefined)[] = [];
  #previous = 0;
  #checkpoints = 0;
  #anchored: { readonly size: number; readonly seconds: number } | undefined;
  #newest: string | undefined;
  #covering: string | undefined;

  constructor(options: TreeCheckOptions) {
    this.#options = options;
    this.#frontier = options.frontier;
    this.#begin = options.frontier.size;
    this.#log = options.policy.logs.find(({ name }) => name === options.origin);
  }

  get sealed(): number {
    return this.#previous;
  }

  get checkpoints(): number {
    return this.#checkpoints;
  }

  get anchored(): { readonly size: number; readonly seconds: number } | undefined {
    return this.#anchored;
  }

  /** Text of the newest checkpoint. */
  get newest(): string | undefined {
    return this.#newest;
  }

  /** Origin, size and root, with spaces between, of the first checkpoint over everything that is missing before the first record. */
  get covering(): string | undefined {
    return this.#covering;
  }

  /** Leaf of the next record, or undefined for one that is missing. */
  add(leaf: Hash | undefined): void {
    this.#pending.push(leaf);
  }

  /** Index after the last leaf that was added. */
  get end(): number {
    return this.#frontier.size + this.#pending.length;
  }

  /** Judges the next checkpoint; all leaves that it covers must have been added. */
  async checkpoint(found: LogCheckpoint): Promise<void> {
    const { findings } = this.#options;
    const { size } = found;
    this.#checkpoints += 1;
    const root = this.#signedRoot(found);
    if (found.previous !== undefined && found.previous !== this.#previous) {
      const text = `checkpoints between ${this.#previous} and ${size} are missing or changed`;
      findings.add({ kind: 'altered', index: this.#previous, text });
    }
    this.#cosignatures(found);
    this.#previous = size;
    const base = this.#frontier.size;
    if (size <= base) return;
    const leaves = this.#pending.splice(0, size - base);
    const stored = await this.#storedLeaves(base, size);
    await this.#advance(this.#judge(base, size, leaves, stored, root));
  }

  /** To be called after the last checkpoint and the last record. */
  async finish(): Promise<void> {
    const { source, origin, findings } = this.#options;
    if (await source.hasLeavesBeyond(origin, this.#previous)) {
      const text = `the checkpoint after that of ${this.#previous} records is gone`;
      findings.add({ kind: 'altered', index: this.#previous, text });
    }
    const rest = this.#frontier.clone();
    for (const leaf of this.#pending) {
      if (leaf === undefined) break;
      rest.append(leaf);
      this.#passMilestones(rest);
    }
  }

  #signedRoot(found: LogCheckpoint): Hash | undefined {
    const { size, note, root } = found;
    const { findings } = this.#options;
    const opened = this.#log === undefined ? undefined : openCheckpoint(note, this.#log);
    const bad = (text: string): void => findings.add({ kind: 'altered', index: this.#previous, text });
    if (opened === undefined) {
      if (this.#log !== undefined) bad(`the checkpoint of ${size} records is not signed by this log`);
      return this.#log === undefined ? unsignedRoot(note) : undefined;
    }
    if (opened.size !== size) bad(`the checkpoint kept under ${size} records says ${opened.size}`);
    if (root !== undefined && !root.equals(opened.root))
      bad(`the root kept beside the checkpoint of ${size} is not its own`);
    this.#newest = opened.note.text;
    if (size >= this.#begin) this.#covering ??= opened.note.text.trimEnd().replaceAll('\n', ' ');
    return opened.size === size ? opened.root : undefined;
  }

  #cosignatures(found: LogCheckpoint): void {
    const { policy, findings } = this.#options;
    const times = new Map<string, number>();
    const bad = (name: string): void =>
      findings.add({
        kind: 'altered',
        index: this.#previous,
        text: `the cosignature of ${name} below the checkpoint of ${found.size} records is not its own`,
      });
    for (const { witness, line } of found.cosignatures) {
      const key = policy.witnesses.find(({ name }) => name === witness);
      const seconds = cosignedBy(found.note, line, key);
      if (seconds === 'odd') bad(witness);
      else if (key !== undefined && seconds !== undefined) times.set(key.vkey, seconds);
    }
    if (times.size === 0 || !policy.quorum(new Set(times.keys()))) return;
    this.#anchored = { size: found.size, seconds: Math.min(...times.values()) };
  }

  async #storedLeaves(from: number, to: number): Promise<Hash[] | undefined> {
    const { source, origin, findings } = this.#options;
    const stored = await source.leaves(origin, from, to);
    if (stored.length === (to - from) * hashBytes) return splitHashes(stored);
    const text = `leaf hashes of records ${from} to ${to - 1} are missing beside their checkpoint`;
    findings.add({ kind: 'altered', index: from, text });
    return undefined;
  }

  /** Decides which leaves are the signed ones, and names the records or stored hashes that are not. */
  #judge(
    base: number,
    size: number,
    leaves: readonly (Hash | undefined)[],
    stored: readonly Hash[] | undefined,
    root: Hash | undefined,
  ): readonly Hash[] {
    const { findings } = this.#options;
    const whole =
      leaves.every(leaf => leaf !== undefined) && leaves.length === size - base ? (leaves as Hash[]) : undefined;
    const odd = stored?.findIndex((hash, at) => leaves[at] !== undefined && !hash.equals(leaves[at])) ?? -1;
    const isRoot = (of: readonly Hash[]): boolean => {
      const end = this.#frontier.clone();
      for (const leaf of of) end.append(leaf);
      return root === undefined || end.root().equals(root);
    };
    if (whole !== undefined && isRoot(whole)) {
      if (odd >= 0)
        findings.add({
          kind: 'altered',
          index: base + odd,
          text: `the stored hash of record ${base + odd} was changed`,
        });
      return whole;
    }
    if (stored !== undefined && isRoot(stored)) {
      for (const [at, hash] of stored.entries()) {
        const leaf = leaves[at];
        if (leaf === undefined || leaf.equals(hash)) continue;
        findings.add({ kind: 'altered', index: base + at, text: `record ${base + at} is not the one that was signed` });
      }
      return stored;
    }
    const index = odd >= 0 ? base + odd : base;
    findings.add({
      kind: 'altered',
      index,
      text: `records ${base} to ${size - 1} do not give the signed root of ${size}`,
    });
    return whole ?? stored ?? leaves.map((leaf, at) => leaf ?? stored?.[at] ?? Buffer.alloc(hashBytes));
  }

  async #advance(leaves: readonly Hash[]): Promise<void> {
    const { source, origin, builder, findings } = this.#options;
    for (const leaf of leaves) {
      this.#frontier.append(leaf);
      this.#passMilestones(this.#frontier);
      for (const { level, index, hashes } of builder.append(leaf)) {
        const kept = await source.tile(origin, level, index);
        const odd = kept === undefined ? 0 : firstDifference(hashes, kept);
        if (odd < 0) continue;
        const what = kept === undefined ? 'is missing' : 'was changed';
        const record = firstRecordOf(level, index, odd);
        findings.add({
          kind: 'altered',
          index: record,
          text: `tile ${level}/${index}, over record ${record}, ${what}`,
        });
      }
    }
  }

  #passMilestones(tree: Frontier): void {
    const { milestones } = this.#options;
    for (let next = milestones[0]; next !== undefined && next.size <= tree.size; next = milestones[0]) {
      milestones.shift();
      // One that lies before the first record there is cannot be judged, and contradicts nothing.
      next.reached(next.size < tree.size || tree.root().equals(next.root));
    }
  }
}

function unsignedRoot(note: string): Hash | undefined {
  try {
    return parseCheckpoint(note).root;
  } catch {
    return undefined;
  }
}

/** Time of a cosignature; 'odd' when it is wrong or malformed; undefined when its key is not known. */
function cosignedBy(note: string, line: string, key: Verifier | undefined): number | 'odd' | undefined {
  try {
    const signatures = parseSignatureLines(line);
    if (key === undefined) return undefined;
    return cosignedAt(parseCheckpoint(note).note.text, signatures, key) ?? 'odd';
  } catch {
    return 'odd';
  }
}
