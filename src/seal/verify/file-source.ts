import { parseCheckpoint } from '../../tlog/checkpoint.ts';
import { splitHashes } from '../../tlog/merkle.ts';
import { parseSignatureLines, signatureLine } from '../../tlog/note.ts';
import { partialWidth, tilePath } from '../../tlog/tiles.ts';
import type { FileTree } from './files.ts';
import type { LogCheckpoint, LogEntry, LogSource } from './source.ts';

const width = 256;

/**
 * A log in files: an export bundle (docs/audit.md, "Bundles"), or plain static tiles with entry bundles (C2SP tlog-tiles).
 * What is told apart is only where records come from: `entries/` with columns, else `tile/entries/` with bodies alone.
 */
export async function openFileSource(files: FileTree): Promise<LogSource> {
  const newest = await checkpointIn(files);
  const origin = newest.origin;
  const first = await firstIndex(files);

  const tile = async (level: number, n: number): Promise<Buffer | undefined> => {
    const whole = await files.read(tilePath(level, n));
    if (whole !== undefined || Math.floor(newest.size / width ** level / width) !== n) return whole;
    return await files.read(tilePath(level, n, partialWidth(newest.size, level)));
  };
  const leaves = async (from: number, to: number): Promise<Buffer> => {
    const parts: Buffer[] = [];
    for (let n = Math.floor(from / width); n * width < to; n++) {
      const hashes = (await tile(0, n)) ?? Buffer.of();
      parts.push(hashes.subarray(Math.max(from - n * width, 0) * 32, Math.min(to - n * width, width) * 32));
    }
    return Buffer.concat(parts);
  };
  const full = async (level: number, n: number): Promise<Buffer | undefined> => {
    const found = await files.read(tilePath(level, n));
    return found?.length === width * 32 ? found : undefined;
  };
  const list = files.paths.includes('checkpoints.jsonl') ? 'checkpoints.jsonl' : undefined;
  return {
    origins: [{ origin, follows: undefined, record: undefined }],
    size: newest.size,
    uncovered: [],
    live: false,
    entries: () => (files.paths.some(isEntryFile) ? readLines(files) : readBundles(files, first, newest.size)),
    checkpoints: name => (name === origin ? readCheckpoints(files, list, newest) : none()),
    leaves: (_, from, to) => leaves(from, to),
    hasLeavesBeyond: () => Promise.resolve(false),
    recordings: undefined,
    tile: (_, level, n) => full(level, n),
    tree: () => ({
      leaves: async (from, to) => splitHashes(await leaves(from, to)),
      tile: async (level, n) => {
        const found = await tile(level, n);
        return found === undefined ? undefined : splitHashes(found);
      },
    }),
  };
}

interface Newest {
  readonly origin: string;
  readonly size: number;
  readonly note: string;
}

async function checkpointIn(files: FileTree): Promise<Newest> {
  const note = (await files.read('checkpoint'))?.toString('utf8');
  if (note === undefined)
    throw new Error('there is no file named checkpoint: this is neither a bundle nor static tiles');
  const { origin, size } = parseCheckpoint(note);
  return { origin, size, note };
}

/** The first record that the files hold; tiles may begin later when the log was pruned. */
async function firstIndex(files: FileTree): Promise<number> {
  const about = await files.read('bundle.json');
  if (about === undefined) return 0;
  const { first } = JSON.parse(about.toString('utf8')) as { first?: unknown };
  const index = Number(first ?? 0);
  if (!Number.isSafeInteger(index) || index < 0) throw new Error('bundle.json names no first record');
  return index;
}

const isEntryFile = (path: string): boolean => /^entries\/\d{15}\.jsonl$/.test(path);

async function* readLines(files: FileTree): AsyncGenerator<LogEntry[]> {
  for (const path of files.paths.filter(isEntryFile)) {
    const text = ((await files.read(path)) ?? Buffer.of()).toString('utf8');
    yield text
      .split('\n')
      .filter(line => line !== '')
      .map(line => {
        const { idx, columns, body } = JSON.parse(line) as Record<string, unknown>;
        if (typeof idx !== 'string' || typeof body !== 'string' || typeof columns !== 'object' || columns === null) {
          throw new Error(`${path} holds a line that is no record`);
        }
        return {
          idx: Number(idx),
          body: Buffer.from(body, 'base64'),
          leaf: undefined,
          columns: columns as Readonly<Record<string, unknown>>,
        };
      });
  }
}

/** Entry bundles: bodies with their length, two bytes, before each. */
async function* readBundles(files: FileTree, first: number, size: number): AsyncGenerator<LogEntry[]> {
  for (let n = Math.floor(first / width); n * width < size; n++) {
    const partial = (n + 1) * width > size ? size % width : width;
    const bytes = (await files.read(tilePath('entries', n, partial))) ?? (await files.read(tilePath('entries', n)));
    if (bytes === undefined) continue;
    const entries: LogEntry[] = [];
    for (let at = 0, idx = n * width; at + 2 <= bytes.length && idx < size; idx++) {
      const length = bytes.readUInt16BE(at);
      entries.push({ idx, body: bytes.subarray(at + 2, at + 2 + length), leaf: undefined, columns: undefined });
      at += 2 + length;
    }
    yield entries;
  }
}

async function* readCheckpoints(
  files: FileTree,
  list: string | undefined,
  newest: Newest,
): AsyncGenerator<LogCheckpoint> {
  if (list === undefined) {
    yield toCheckpoint(newest.size, undefined, newest.note);
    return;
  }
  const text = ((await files.read(list)) ?? Buffer.of()).toString('utf8');
  let last = -1;
  for (const line of text.split('\n').filter(one => one !== '')) {
    const { size, previous, note } = JSON.parse(line) as Record<string, unknown>;
    if (typeof size !== 'string' || typeof previous !== 'string' || typeof note !== 'string' || Number(size) <= last) {
      throw new Error(`${list} holds a line that is no checkpoint, or out of order`);
    }
    last = Number(size);
    yield toCheckpoint(last, Number(previous), note);
  }
  if (last !== newest.size) yield toCheckpoint(newest.size, last, newest.note);
}

/** A note holds the signatures of the log and of witnesses in one; every other name than the log's may be a witness's. */
function toCheckpoint(size: number, previous: number | undefined, note: string): LogCheckpoint {
  const cut = note.lastIndexOf('\n\n') + 2;
  const origin = note.slice(0, note.indexOf('\n'));
  let cosignatures: { witness: string; line: string }[] = [];
  try {
    cosignatures = parseSignatureLines(note.slice(cut))
      .filter(({ name }) => name !== origin)
      .map(found => ({ witness: found.name, line: signatureLine(found, found.bytes) }));
  } catch {
    // Told when the note is judged.
  }
  return { size, previous, root: undefined, note, cosignatures };
}

async function* none(): AsyncGenerator<LogCheckpoint> {
  // Files hold one origin.
}
