import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GateError } from '../core/gate-error.ts';
import { parseCheckpoint } from '../tlog/checkpoint.ts';

/** The newest checkpoint of each log that a witness cosigned, as whole notes with both signatures. */
export interface WitnessState {
  /** The note of a log, undefined when nothing of it was cosigned yet. */
  note(origin: string): string | undefined;
  /**
   * Decides on a log while nobody else does: `decide` gets the note so far, and what it returns is on the disk when the
   * promise resolves. Whatever else it returns is passed on.
   */
  update<T>(
    origin: string,
    decide: (note: string | undefined) => { readonly keep?: string; readonly result: T },
  ): Promise<T>;
}

/** Opens the state in a file; it is made when it is not there. Throws GateError `bad-config` when it is not whole. */
export async function openWitnessState(file: string): Promise<WitnessState> {
  const notes = await read(file);
  let last: Promise<unknown> = Promise.resolve();
  return {
    note: origin => notes.get(origin),
    update: (origin, decide) => {
      const turn = last.then(async () => {
        const { keep, result } = decide(notes.get(origin));
        if (keep !== undefined) {
          const next = new Map(notes).set(origin, keep);
          await write(file, next);
          notes.set(origin, keep);
        }
        return result;
      });
      last = turn.catch(() => undefined);
      return turn;
    },
  };
}

async function read(file: string): Promise<Map<string, string>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return new Map();
    throw new GateError('bad-config', `${file} cannot be read`, { cause });
  }
  try {
    const entries = Object.entries(JSON.parse(text) as Record<string, unknown>).map(([origin, note]) => {
      if (typeof note !== 'string' || parseCheckpoint(note).origin !== origin) throw new Error('not a checkpoint');
      return [origin, note] as const;
    });
    return new Map(entries);
  } catch (cause) {
    throw new GateError(
      'bad-config',
      `${file} is damaged; a witness that forgets could be shown another log, so restore the file`,
      { cause },
    );
  }
}

/** Whole or not at all, and on the disk when the promise resolves. */
async function write(file: string, notes: ReadonlyMap<string, string>): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const next = `${file}.next`;
  const handle = await open(next, 'w', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(Object.fromEntries(notes))}\n`);
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
