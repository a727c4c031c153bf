import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditRecord } from '../core/audit-record.ts';
import type { Clock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import type { ChunkStore, SealedChunk } from './chunk-store.ts';
import { type Direction, sealChunk } from './cipher.ts';
import { EchoFollower } from './echo.ts';
import { directionOf, encodeEvent, eventHeader, type SessionEvent } from './events.ts';
import { type SessionFacts, sessionRecord } from './records.ts';

/** What happened, without its time. */
export type Happening = SessionEvent extends infer Event ? (Event extends unknown ? Omit<Event, 'at'> : never) : never;

/** The log as recordings need it. */
export interface SessionLog {
  append(records: readonly AuditRecord[]): Promise<void>;
  /** Keeps the record until it is durable; the promise resolves then. */
  enqueue(record: AuditRecord): Promise<void>;
}

export interface RecordingOptions {
  readonly facts: SessionFacts;
  readonly dataKey: Buffer;
  readonly store: ChunkStore;
  readonly log: SessionLog;
  readonly clock: Clock;
  /** True where lines of input are kept that the terminal showed. */
  readonly keepEchoed: boolean;
  /** How long something may wait to become durable before the session has to end, in milliseconds. */
  readonly patienceMs: number;
  /** Called once when recording has failed for good; nothing is passed on from then. */
  readonly onFailure: (error: GateError) => void;
}

/** Plain bytes of one chunk at most, and how long one may gather, in microseconds. */
const chunkBytes = 64 * 1024 - 256;
const chunkUs = 20_000;
/** Chunks of one round trip, and round trips under way. */
const batchChunks = 16;
const mostBatches = 2;

interface OpenChunk {
  readonly direction: Direction;
  readonly begun: number;
  readonly parts: Buffer[];
  bytes: number;
  readonly durable: PromiseWithResolvers<undefined>;
}

/** Writes one session down, before anybody sees it. */
export class Recording {
  readonly #o: RecordingOptions;
  readonly #start: number;
  readonly #echo: EchoFollower | undefined;
  readonly #stop = new AbortController();
  #open: OpenChunk | undefined;
  #closed: OpenChunk[] = [];
  #scheduled = false;
  #batches = 0;
  /** Chunks that are being written. */
  readonly #flying = new Set<OpenChunk>();
  #nextSeq = 0;
  /** Batches that were begun, in order: none is told durable before the one ahead of it. */
  #turn: Promise<void> = Promise.resolve();
  #patience: NodeJS.Timeout | undefined;
  #failure: GateError | undefined;
  outputBytes = 0;
  inputBytes = 0;

  constructor(options: RecordingOptions) {
    this.#o = options;
    this.#start = options.clock.monotonic();
    this.#echo = options.keepEchoed ? new EchoFollower() : undefined;
  }

  get facts(): SessionFacts {
    return this.#o.facts;
  }

  /** Microseconds since the start. */
  get elapsedUs(): number {
    return this.#o.clock.monotonic() - this.#start;
  }

  /** Why recording has failed, once it has. */
  get failure(): GateError | undefined {
    return this.#failure;
  }

  /** Takes what the node sent. Resolves when it is durable and may be shown; rejects when it must not. */
  output(happening: Extract<Happening, { kind: 'output' | 'exit' }>): Promise<void> {
    if (happening.kind === 'output') {
      this.outputBytes += happening.data.length;
      for (const line of this.#echo?.printed(happening.data) ?? []) {
        // Whether it could be kept shows in what follows; nobody waits for it.
        this.#add({ kind: 'echoed', at: line.at, data: line.data }).catch(() => undefined);
      }
    }
    return this.#add({ ...happening, at: this.elapsedUs });
  }

  /** Takes what the client sent; typed bytes are counted, and kept only as far as the settings and the terminal have it. */
  input(happening: { kind: 'typed'; data: Uint8Array } | Exclude<Happening, { kind: 'typed' | 'output' | 'exit' }>) {
    if (happening.kind !== 'typed') return this.#add({ ...happening, at: this.elapsedUs });
    this.inputBytes += happening.data.length;
    const at = this.elapsedUs;
    this.#echo?.typed(at, happening.data);
    return this.#add({ kind: 'typed', at, bytes: happening.data.length });
  }

  /** Resolves when everything so far is durable, or recording has failed. */
  async flush(): Promise<void> {
    while (this.#failure === undefined && (this.#open !== undefined || this.#closed.length > 0 || this.#batches > 0)) {
      await Promise.race([this.#turn, sleep(5)]);
    }
  }

  /** Chunks with a record; not known once recording has failed, because some may still become durable. */
  get chunks(): number | undefined {
    return this.#failure === undefined ? this.#nextSeq : undefined;
  }

  /** Gives up: whoever waits is told. */
  fail(error: GateError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    clearTimeout(this.#patience);
    this.#stop.abort();
    // Those under way too: the log keeps a record in memory while the database is away, and says nothing until it is back.
    for (const chunk of [...this.#flying, ...this.#closed, ...(this.#open === undefined ? [] : [this.#open])])
      chunk.durable.reject(error);
    this.#closed = [];
    this.#open = undefined;
    this.#o.onFailure(error);
  }

  close(): void {
    clearTimeout(this.#patience);
    this.#stop.abort();
  }

  #add(event: SessionEvent): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (event.kind !== 'output' || event.data.length + eventHeader <= chunkBytes) return this.#append(event);
    let last = Promise.resolve();
    for (let from = 0; from < event.data.length; from += chunkBytes - eventHeader) {
      last = this.#append({ ...event, data: event.data.subarray(from, from + chunkBytes - eventHeader) });
    }
    return last;
  }

  #append(event: SessionEvent): Promise<void> {
    const pieces = encodeEvent(event);
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const direction = directionOf(event.kind);
    const now = this.elapsedUs;
    const open = this.#open;
    if (
      open !== undefined &&
      (open.direction !== direction || open.bytes + length > chunkBytes || now - open.begun > chunkUs)
    ) {
      this.#closed.push(open);
      this.#open = undefined;
    }
    this.#open ??= newChunk(direction, now);
    this.#open.parts.push(...pieces);
    this.#open.bytes += length;
    this.#patience ??= setTimeout(() => this.#impatient(), this.#o.patienceMs);
    this.#schedule();
    return this.#open.durable.promise;
  }

  /** What arrives in one turn of the loop, and while the database is busy, goes together. */
  #schedule(): void {
    if (this.#scheduled || this.#batches >= mostBatches) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#failure !== undefined || this.#batches >= mostBatches) return;
    if (this.#closed.length < batchChunks && this.#open !== undefined) {
      this.#closed.push(this.#open);
      this.#open = undefined;
    }
    const batch = this.#closed.splice(0, batchChunks);
    if (batch.length === 0) return;
    this.#batches += 1;
    for (const chunk of batch) this.#flying.add(chunk);
    const before = this.#turn;
    const written = this.#write(batch.map(chunk => this.#seal(chunk)));
    written.catch(() => undefined);
    this.#turn = before
      .then(() => written)
      .then(
        () => this.#settled(batch),
        (thrown: unknown) => {
          const error = GateError.from(thrown);
          this.#land(batch);
          for (const chunk of batch) chunk.durable.reject(error);
          this.fail(error);
        },
      );
    if (this.#closed.length > 0 || this.#open !== undefined) this.#schedule();
  }

  #settled(batch: readonly OpenChunk[]): void {
    this.#land(batch);
    if (this.#failure !== undefined) {
      for (const chunk of batch) chunk.durable.reject(this.#failure);
      return;
    }
    for (const chunk of batch) chunk.durable.resolve(undefined);
    clearTimeout(this.#patience);
    const waiting = this.#batches > 0 || this.#closed.length > 0 || this.#open !== undefined;
    this.#patience = waiting ? setTimeout(() => this.#impatient(), this.#o.patienceMs) : undefined;
    this.#schedule();
  }

  #land(batch: readonly OpenChunk[]): void {
    this.#batches -= 1;
    for (const chunk of batch) this.#flying.delete(chunk);
  }

  #impatient(): void {
    const message = 'what happens in this session cannot be recorded, so it was ended; run the same again later';
    this.fail(new GateError('audit-unavailable', message));
  }

  #seal(chunk: OpenChunk): SealedChunk {
    const place = { session: this.#o.facts.id, seq: this.#nextSeq, direction: chunk.direction };
    this.#nextSeq += 1;
    return { ...place, ciphertext: sealChunk(this.#o.dataKey, place, Buffer.concat(chunk.parts)) };
  }

  async #write(chunks: readonly SealedChunk[]): Promise<void> {
    await this.#o.store.put(chunks, this.#stop.signal);
    await Promise.all(chunks.map(chunk => this.#count(chunk)));
  }

  /** The chunk counts once its record is durable. A log that is full for a moment is asked again. */
  async #count(chunk: SealedChunk): Promise<void> {
    const sha256 = hash('sha256', chunk.ciphertext, 'hex');
    const { seq, direction } = chunk;
    const size = String(chunk.ciphertext.length);
    const record = sessionRecord('session.chunk', this.#o.facts, { seq: String(seq), direction, sha256, size });
    for (;;) {
      try {
        await this.#o.log.enqueue(record);
        return;
      } catch (thrown) {
        if (GateError.from(thrown).code !== 'overloaded' || this.#stop.signal.aborted) throw thrown;
        await sleep(50, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      }
    }
  }
}

function newChunk(direction: Direction, begun: number): OpenChunk {
  const durable = Promise.withResolvers<undefined>();
  // A chunk may hold nothing but what nobody waits for.
  durable.promise.catch(() => undefined);
  return { direction, begun, parts: [], bytes: 0, durable };
}
