import { setTimeout as sleep } from 'node:timers/promises';
import { GateError } from '../core/gate-error.ts';
import type { Queryable } from '../db/query.ts';
import type { ChunkPlace } from './cipher.ts';
import { store } from './statements.ts';

/** One chunk as it is stored. */
export interface SealedChunk extends ChunkPlace {
  readonly ciphertext: Buffer;
}

/** Moves chunks of all sessions of this process into the database. */
export interface ChunkStore {
  /**
   * Resolves when the chunks are durable. While the database is away it tries again until the signal. Rejects with
   * GateError `conflict` when the session takes no more, `audit-unavailable` when the signal came first.
   */
  put(chunks: readonly SealedChunk[], signal: AbortSignal): Promise<void>;
}

interface Waiting {
  readonly chunks: readonly SealedChunk[];
  readonly bytes: number;
  readonly signal: AbortSignal;
  readonly settle: (error?: GateError) => void;
}

/** Bytes of one statement, unless a single put has more. */
const mostBytes = 1024 * 1024;
const answerMs = 2_000;
const retryMs = 200;

/** One statement is under way at a time, and the next one forms meanwhile: many sessions share a commit, and no timer. */
export function createChunkStore(database: Queryable): ChunkStore {
  const queue: Waiting[] = [];
  let running = false;

  const run = async (): Promise<void> => {
    while (queue.length > 0) {
      const batch = take(queue);
      if (batch.length === 0) continue;
      try {
        const over = await write(
          database,
          batch.flatMap(one => one.chunks),
        );
        for (const one of batch) one.settle(one.chunks.some(({ session }) => over.has(session)) ? ended() : undefined);
      } catch {
        // It may have landed or not; the same chunks are taken twice without harm.
        queue.unshift(...batch);
        await sleep(retryMs);
      }
    }
  };

  return {
    put: (chunks, signal) =>
      new Promise((resolve, reject) => {
        let settled = false;
        const settle = (error?: GateError): void => {
          if (settled) return;
          settled = true;
          signal.removeEventListener('abort', giveUp);
          if (error === undefined) resolve();
          else reject(error);
        };
        const giveUp = (): void => settle(new GateError('audit-unavailable', 'the session cannot be recorded'));
        if (signal.aborted) {
          giveUp();
          return;
        }
        signal.addEventListener('abort', giveUp, { once: true });
        const bytes = chunks.reduce((sum, chunk) => sum + chunk.ciphertext.length, 0);
        queue.push({ chunks, bytes, signal, settle });
        if (running) return;
        running = true;
        // Whatever is put in this turn goes into one statement.
        setImmediate(() => {
          void run().finally(() => {
            running = false;
          });
        });
      }),
  };
}

function take(queue: Waiting[]): Waiting[] {
  const batch: Waiting[] = [];
  let bytes = 0;
  for (let next = queue[0]; next !== undefined; next = queue[0]) {
    if (batch.length > 0 && bytes + next.bytes > mostBytes) break;
    queue.shift();
    // Nobody waits for it any more, and nothing of it was passed on.
    if (next.signal.aborted) continue;
    batch.push(next);
    bytes += next.bytes;
  }
  return batch;
}

async function write(database: Queryable, chunks: readonly SealedChunk[]): Promise<Set<string>> {
  const rows = await database.query<{ over: string }>(
    store,
    [
      chunks.map(chunk => chunk.session),
      chunks.map(chunk => chunk.seq),
      chunks.map(chunk => chunk.direction),
      chunks.map(chunk => chunk.ciphertext.length),
      Buffer.concat(chunks.map(chunk => chunk.ciphertext)),
    ],
    { timeoutMs: answerMs },
  );
  return new Set(rows.map(row => row.over));
}

function ended(): GateError {
  return new GateError('conflict', 'the session was declared lost while this gateway was silent');
}
