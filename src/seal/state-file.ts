import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GateError } from '../core/gate-error.ts';
import { Frontier } from '../tlog/frontier.ts';
import type { Hash } from '../tlog/merkle.ts';

/** What a replica remembers of the signed log, outside the database. */
export interface SealState {
  readonly origin: string;
  /** The right edge of the newest checkpoint that it followed. */
  readonly frontier: Frontier;
  /** Why this replica holds the log to be forked; kept until there is a new origin. */
  readonly fork: string | undefined;
}

/** Reads the file; undefined where there is none yet. Throws GateError `bad-config` when it is not whole. */
export async function readSealState(file: string): Promise<SealState | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new GateError('bad-config', `the state file of the sealing, ${file}, cannot be read`, { cause });
  }
  try {
    const { origin, size, edge, fork } = JSON.parse(text) as Record<string, unknown>;
    if (typeof origin !== 'string' || typeof size !== 'string' || !Array.isArray(edge)) throw new Error('members');
    const roots = edge.map((hash): Hash => {
      const bytes = Buffer.from(String(hash), 'base64');
      if (bytes.length !== 32) throw new Error('hash');
      return bytes;
    });
    return {
      origin,
      frontier: new Frontier(Number(size), roots),
      fork: typeof fork === 'string' ? fork : undefined,
    };
  } catch (cause) {
    throw new GateError(
      'bad-config',
      `the state file of the sealing, ${file}, is damaged; restore it, or remove it if you know why it is`,
      { cause },
    );
  }
}

/** Writes the file so that it is whole and on the disk when the promise resolves. */
export async function writeSealState(file: string, { origin, frontier, fork }: SealState): Promise<void> {
  const edge = frontier.roots.map(hash => hash.toString('base64'));
  const text = JSON.stringify({ origin, size: String(frontier.size), edge, ...(fork === undefined ? {} : { fork }) });
  await replaceFile(file, `${text}\n`);
}

/** Keeps the state of an origin that is over, beside the file, for whoever looks into it. */
export async function setStateAside(file: string, state: SealState): Promise<void> {
  await rename(file, `${file}.ended-at-${state.frontier.size}`);
}

async function replaceFile(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const next = `${file}.next`;
  const handle = await open(next, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(next, file);
  const folder = await open(dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
