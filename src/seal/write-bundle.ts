import { foldPerfect, type Hash, splitHashes } from '../tlog/merkle.ts';
import { partialWidth, tilePath } from '../tlog/tiles.ts';
import type { LogCheckpoint, LogSource } from './verify/source.ts';

/** Takes the files of a bundle as they come: a folder, a tar archive, an upload. Paths use slashes; no path comes twice. */
export type PutFile = (path: string, content: Buffer) => Promise<void>;

export interface BundleResult {
  readonly origin: string;
  readonly first: number;
  /** Size of the checkpoint that the bundle ends with. */
  readonly size: number;
  readonly records: number;
}

export interface BundleOptions {
  /** First record; must be there. Default: the first that the log has. */
  readonly from?: number | undefined;
  /** Ends with the newest checkpoint of at most this size. Default: the newest. */
  readonly upTo?: number | undefined;
  /** Ends with the first checkpoint over everything below this index, instead; with a cosigned one where there is any. */
  readonly covering?: number | undefined;
  /** Ends with a checkpoint that has a cosignature, where there is one. Default true. */
  readonly cosigned?: boolean | undefined;
}

const width = 256;
/** Records of one file; its name is the index of the first place in it. */
const perFile = 65_536;

/**
 * Writes a part of the log as a bundle that `talosgate audit verify --bundle` takes (docs/audit.md, "Bundles"): records
 * with columns, tiles, checkpoints with cosignatures. Rejects with Error when there is no checkpoint to end with.
 */
export async function writeBundle(source: LogSource, put: PutFile, options: BundleOptions = {}): Promise<BundleResult> {
  const origin = source.origins.find(one => !source.origins.some(({ follows }) => follows === one.origin))?.origin;
  const end = origin === undefined ? undefined : await lastCheckpoint(source, origin, options);
  if (origin === undefined || end === undefined)
    throw new Error('the log has no checkpoint that a bundle could end with');
  const { first, records } = await putEntries(source, put, options.from ?? 0, end.size);
  await putTiles(source, put, origin, first, end.size);
  await putCheckpoints(source, put, origin, end.size);
  await put('checkpoint', Buffer.from(withCosignatures(end)));
  const about = { format: 'talosgate-bundle/1', origin, first: String(first), size: String(end.size) };
  await put('bundle.json', Buffer.from(`${JSON.stringify(about)}\n`));
  return { origin, first, size: end.size, records };
}

async function lastCheckpoint(
  source: LogSource,
  origin: string,
  { upTo = Number.MAX_SAFE_INTEGER, covering, cosigned = true }: BundleOptions,
): Promise<LogCheckpoint | undefined> {
  let last: LogCheckpoint | undefined;
  let signed: LogCheckpoint | undefined;
  for await (const found of source.checkpoints(origin)) {
    if (found.size > upTo) break;
    if (covering !== undefined) {
      if (found.size < covering) continue;
      last ??= found;
      if (!cosigned || found.cosignatures.length > 0) return found;
      continue;
    }
    last = found;
    if (found.cosignatures.length > 0) signed = found;
  }
  return cosigned ? (signed ?? last) : last;
}

async function putEntries(
  source: LogSource,
  put: PutFile,
  from: number,
  size: number,
): Promise<{ first: number; records: number }> {
  let lines: string[] = [];
  let file = -1;
  let first: number | undefined;
  let records = 0;
  const flush = async (): Promise<void> => {
    if (lines.length > 0) await put(entryPath(file), Buffer.from(lines.join('')));
    lines = [];
  };
  for await (const page of source.entries()) {
    if ((page[0]?.idx ?? 0) >= size) break;
    for (const { idx, body, columns } of page) {
      if (idx < from || idx >= size) continue;
      first ??= idx;
      records += 1;
      const start = idx - (idx % perFile);
      if (start !== file) await flush();
      file = start;
      const kept = Object.fromEntries(Object.entries(columns ?? {}).filter(([, value]) => value !== null));
      lines.push(`${JSON.stringify({ idx: String(idx), columns: kept, body: body.toString('base64') })}\n`);
    }
  }
  await flush();
  return { first: first ?? size, records };
}

function entryPath(start: number): string {
  return `entries/${String(start).padStart(15, '0')}.jsonl`;
}

/** Tiles of level 0 from the first record on, and all above; partial ones for the size of the last checkpoint. */
async function putTiles(source: LogSource, put: PutFile, origin: string, first: number, size: number): Promise<void> {
  const tree = source.tree(origin);
  const full = async (level: number, n: number): Promise<readonly Hash[]> => {
    const found = await tree.tile(level, n);
    if (found === undefined) throw new Error(`the log lacks tile ${level}/${n}`);
    return found;
  };
  for (let level = 0; width ** level <= size; level++) {
    const tiles = Math.floor(size / width ** (level + 1));
    const start = level === 0 ? Math.floor(first / width) : 0;
    for (let n = start; n < tiles; n++) await put(tilePath(level, n), Buffer.concat(await full(level, n)));
    const rest = partialWidth(size, level);
    if (rest === 0) continue;
    const hashes: Hash[] = [];
    if (level === 0) hashes.push(...splitHashes(await source.leaves(origin, tiles * width, size)));
    else
      for (let at = tiles * width; at < tiles * width + rest; at++) hashes.push(foldPerfect(await full(level - 1, at)));
    if (hashes.length !== rest) throw new Error(`the log lacks hashes of the tile ${level}/${tiles}`);
    await put(tilePath(level, tiles, rest), Buffer.concat(hashes));
  }
}

async function putCheckpoints(source: LogSource, put: PutFile, origin: string, size: number): Promise<void> {
  const lines: string[] = [];
  for await (const found of source.checkpoints(origin)) {
    if (found.size > size) break;
    const { previous = 0 } = found;
    lines.push(
      `${JSON.stringify({ size: String(found.size), previous: String(previous), note: withCosignatures(found) })}\n`,
    );
  }
  await put('checkpoints.jsonl', Buffer.from(lines.join('')));
}

/** The note as it is published: the log's signature, then those of witnesses. */
export function withCosignatures({ note, cosignatures }: Pick<LogCheckpoint, 'note' | 'cosignatures'>): string {
  return note + cosignatures.map(({ line }) => line).join('');
}
