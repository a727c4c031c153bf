import { openCheckpoint } from '../../tlog/checkpoint.ts';
import { leafHash } from '../../tlog/merkle.ts';
import type { Verifier } from '../../tlog/note.ts';
import type { TrustPolicy } from '../../tlog/policy.ts';
import { readFrontier } from '../../tlog/proof.ts';
import { createSubtreeReader, readTileBuilder } from '../tree-reader.ts';
import { Findings, type Report } from './findings.ts';
import { RecordCheck } from './record-check.ts';
import type { LogCheckpoint, LogEntry, LogSource } from './source.ts';
import { type Milestone, TreeCheck } from './tree-check.ts';

export interface VerifyOptions {
  /** Whom to believe; kept apart from the log. */
  readonly policy: TrustPolicy;
  /** Checkpoints that were kept elsewhere, as notes. */
  readonly anchors?: readonly string[] | undefined;
  /** Longest time that a record may be without checkpoint, or without enough witnesses, in milliseconds. Default 5 minutes. */
  readonly maxAgeMs?: number | undefined;
  /** First record that is expected; for a part of a log, which needs no record of why it does not begin with 0. */
  readonly beginsAt?: number | undefined;
  /** The time now, milliseconds since the epoch. */
  readonly now: number;
  /** Called now and then with the number of records that were read. */
  readonly progress?: ((records: number) => void) | undefined;
}

/**
 * Verifies a whole log: every record, hash, tile, checkpoint and cosignature, against one another and against keys and
 * checkpoints from outside. Streams; believes nothing that the source says of itself. Rejects only when the source
 * cannot be read.
 */
export async function verifyLog(source: LogSource, options: VerifyOptions): Promise<Report> {
  const findings = new Findings();
  const origin = currentOrigin(source);
  const pages = source.entries()[Symbol.asyncIterator]();
  const first = await pages.next();
  const begin = first.done === true ? 0 : (first.value[0]?.idx ?? 0);
  const records = new RecordCheck(findings, begin > 0);
  const checkpoints = new Cursor(origin === undefined ? empty() : source.checkpoints(origin));
  const forks: ForkNote[] = [];
  const tree = await openTree(source, origin, begin, options, findings, forks);

  let next = begin;
  let count = 0;
  let firstUnsealed: number | undefined;
  let firstUnanchored: number | undefined;
  const seal = async (): Promise<void> => {
    for (let due = await checkpoints.peek(); due !== undefined && due.size <= next; due = await checkpoints.peek()) {
      await checkpoints.take();
      await tree?.checkpoint(due);
      firstUnsealed = undefined;
      if (tree?.anchored?.size === due.size) firstUnanchored = undefined;
    }
  };
  const missing = async (to: number): Promise<void> => {
    findings.add({ kind: 'gap', index: next, text: `records ${next} to ${to - 1} are missing` });
    for (let due = await checkpoints.peek(); due !== undefined && next < to; due = await checkpoints.peek()) {
      // Holes are only of use up to a checkpoint: its stored hashes stand in for them.
      const end = Math.min(to, due.size);
      for (; next < end; next++) tree?.add(undefined);
      await seal();
    }
    next = to;
  };
  const take = async (entry: LogEntry): Promise<void> => {
    if (entry.idx > next) await missing(entry.idx);
    count += 1;
    const leaf = leafHash(entry.body);
    if (entry.leaf !== undefined && !entry.leaf.equals(leaf)) {
      findings.add({
        kind: 'altered',
        index: entry.idx,
        text: `record ${entry.idx}: the body does not give the leaf hash`,
      });
    }
    const time = records.check(entry);
    firstUnsealed ??= time;
    firstUnanchored ??= time;
    tree?.add(leaf);
    next = entry.idx + 1;
    const due = await checkpoints.peek();
    if (due !== undefined && due.size <= next) await seal();
  };

  for (let page = first; page.done !== true; page = await pages.next()) {
    for (const entry of page.value) await take(entry);
    await records.sessions.compare(source.recordings, false);
    options.progress?.(count);
  }
  for (let due = await checkpoints.peek(); due !== undefined; due = await checkpoints.peek()) {
    if (due.size > next) await missing(due.size);
    await seal();
  }
  if (source.size !== undefined && source.size > next) await missing(source.size);
  if (source.size !== undefined && source.size < next) {
    findings.add({
      kind: 'altered',
      index: source.size,
      text: `records from ${source.size} on were not appended by a gateway`,
    });
  }
  records.finish();
  await records.sessions.compare(source.recordings, true);
  await tree?.finish();
  explain(findings, records, forks, tree);
  if (begin > 0 && begin === options.beginsAt) findings.note(`records below ${begin} were not looked at`);
  else if (begin > 0) explainBeginning(findings, records, begin, tree?.covering);
  judgeAge(findings, options, source, tree, { firstUnsealed, firstUnanchored, newest: records.time });
  if (source.uncovered.length > 0) findings.note(`columns that nothing confirms: ${source.uncovered.join(', ')}`);
  return {
    findings: findings.sorted(),
    total: findings.total,
    exitCode: findings.exitCode,
    records: count,
    checkpoints: tree?.checkpoints ?? 0,
    sealed: tree?.sealed ?? 0,
    anchored: tree?.anchored,
    notes: findings.notes,
  };
}

/** Where an origin was left because the log was not what had been signed. */
interface ForkNote {
  readonly size: number;
  readonly origin: string | undefined;
  readonly record: number | undefined;
}

/** The origin that no other follows. */
function currentOrigin(source: LogSource): string | undefined {
  return source.origins.find(({ origin }) => !source.origins.some(({ follows }) => follows === origin))?.origin;
}

async function openTree(
  source: LogSource,
  origin: string | undefined,
  begin: number,
  options: VerifyOptions,
  findings: Findings,
  forks: ForkNote[],
): Promise<TreeCheck | undefined> {
  const { policy } = options;
  const anchors = anchorMilestones(options, forks);
  if (origin === undefined) return undefined;
  if (!policy.logs.some(({ name }) => name === origin)) {
    findings.add({ kind: 'stale', text: `unanchored: no key was given for the log ${origin}` });
  }
  const milestones = [...anchors, ...(await formerMilestones(source, origin, policy.logs, forks))].sort(
    (a, b) => a.size - b.size,
  );
  try {
    const tiles = source.tree(origin);
    const frontier = await readFrontier(createSubtreeReader(tiles), begin);
    const builder = await readTileBuilder(tiles, begin);
    return new TreeCheck({ source, origin, policy, findings, frontier, builder, milestones });
  } catch {
    findings.add({
      kind: 'gap',
      index: begin,
      text: `the tiles below record ${begin} are missing, so no root can be checked`,
    });
    return undefined;
  }
}

function anchorMilestones({ anchors = [], policy }: VerifyOptions, forks: ForkNote[]): Milestone[] {
  return anchors.map(note => {
    const found = policy.logs.map(log => openCheckpoint(note, log)).find(one => one !== undefined);
    if (found === undefined) throw new Error('an anchor is not a checkpoint signed by a log of the policy');
    const fork: ForkNote = { size: found.size, origin: undefined, record: undefined };
    // Held to be a fork until the tree has come that far and is the same.
    forks.push(fork);
    return {
      size: found.size,
      root: found.root,
      reached: isSame => {
        if (isSame) forks.splice(forks.indexOf(fork), 1);
      },
    };
  });
}

/** Checkpoints of earlier origins: those that the log of today does not continue show what was lost. */
async function formerMilestones(
  source: LogSource,
  origin: string,
  logs: readonly Verifier[],
  forks: ForkNote[],
): Promise<Milestone[]> {
  const milestones: Milestone[] = [];
  for (const former of source.origins) {
    if (former.origin === origin) continue;
    const record = source.origins.find(({ follows }) => follows === former.origin)?.record;
    const log = logs.find(({ name }) => name === former.origin);
    for await (const { note } of source.checkpoints(former.origin)) {
      const found = log === undefined ? undefined : openCheckpoint(note, log);
      if (found === undefined) continue;
      const fork: ForkNote = { size: found.size, origin: former.origin, record };
      forks.push(fork);
      milestones.push({
        size: found.size,
        root: found.root,
        reached: isSame => {
          if (isSame) forks.splice(forks.indexOf(fork), 1);
        },
      });
    }
  }
  return milestones;
}

/** Forks are well where a record says why. */
function explain(
  findings: Findings,
  records: RecordCheck,
  forks: readonly ForkNote[],
  tree: TreeCheck | undefined,
): void {
  for (const { size, origin, record } of forks) {
    const said = record === undefined ? undefined : records.forks.get(record);
    const details = said?.['details'] as Readonly<Record<string, unknown>> | undefined;
    if (origin !== undefined && details?.['from'] === origin) {
      findings.note(
        `fork explained by record ${record ?? 0}: the checkpoint of ${size} records of ${origin} is not continued`,
      );
      continue;
    }
    const have = tree?.end ?? 0;
    const lost = tree !== undefined && size > have ? `; records ${have} to ${size - 1} are lost` : '';
    findings.add({
      kind: 'fork',
      index: Math.min(size, have),
      text: `the log does not continue the checkpoint of ${size} records${lost}`,
    });
  }
}

/** A prune may have been cut off between two partitions; more than its record says may not be gone. */
function explainBeginning(findings: Findings, records: RecordCheck, begin: number, covering: string | undefined): void {
  const detailsOf = (body: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
    (body['details'] as Readonly<Record<string, unknown>> | undefined) ?? {};
  const said = records.prunes
    .map(detailsOf)
    .find(({ former, minimum }) => Number(former) < begin && begin <= Number(minimum));
  if (said === undefined) {
    findings.add({ kind: 'prune', index: 0, text: `records 0 to ${begin - 1} are gone, and no record says why` });
    return;
  }
  const { minimum, checkpoint } = said;
  if (minimum !== String(begin)) {
    findings.note(`records below ${begin} were pruned; the prune up to ${String(minimum)} is not complete`);
  } else if (checkpoint !== undefined && covering !== undefined && checkpoint !== covering) {
    const text = `records 0 to ${begin - 1} are gone; the record of the prune names another checkpoint over them`;
    findings.add({ kind: 'prune', index: 0, text });
  } else findings.note(`records below ${begin} were pruned`);
}

function judgeAge(
  findings: Findings,
  { policy, maxAgeMs = 300_000, now }: VerifyOptions,
  source: LogSource,
  tree: TreeCheck | undefined,
  times: { firstUnsealed: number | undefined; firstUnanchored: number | undefined; newest: number },
): void {
  const at = source.live ? now : times.newest;
  const isOld = (time: number | undefined): boolean => time !== undefined && at - time > maxAgeMs;
  const bare = source.live ? isOld(times.firstUnsealed) : times.firstUnsealed !== undefined;
  if (tree === undefined || tree.checkpoints === 0)
    findings.add({ kind: 'stale', text: 'unanchored: the log has no checkpoint' });
  else if (bare)
    findings.add({ kind: 'stale', index: tree.sealed, text: `records from ${tree.sealed} on are not sealed` });
  if (!policy.needsWitnesses || tree === undefined) return;
  if (tree.anchored === undefined) {
    findings.add({ kind: 'stale', text: 'unanchored: no checkpoint has the cosignatures that the policy asks for' });
  } else if (isOld(times.firstUnanchored)) {
    const text = `records from ${tree.anchored.size} on are without the cosignatures that the policy asks for`;
    findings.add({ kind: 'stale', index: tree.anchored.size, text });
  }
}

/** Looks one checkpoint ahead. */
class Cursor {
  readonly #iterator: AsyncIterator<LogCheckpoint>;
  #next: LogCheckpoint | undefined;
  #done = false;

  constructor(from: AsyncIterable<LogCheckpoint>) {
    this.#iterator = from[Symbol.asyncIterator]();
  }

  async peek(): Promise<LogCheckpoint | undefined> {
    if (this.#next !== undefined || this.#done) return this.#next;
    const found = await this.#iterator.next();
    if (found.done === true) this.#done = true;
    else this.#next = found.value;
    return this.#next;
  }

  async take(): Promise<void> {
    await this.peek();
    this.#next = undefined;
  }
}

async function* empty(): AsyncGenerator<LogCheckpoint> {
  // A log that was never sealed.
}
