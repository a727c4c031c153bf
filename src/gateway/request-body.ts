import type { ServerHttp2Stream } from 'node:http2';
import { GateError } from '../core/gate-error.ts';
import { maxMessageBytes } from '../core/grpc.ts';
import { decompressFrame } from '../core/grpc-compression.ts';
import { encodeFrame, type Frame, FrameSplitter } from '../core/grpc-frame.ts';
import type { CallKind } from '../core/method.ts';
import type { RequestBody, RequestBodySink } from '../core/request-body.ts';
import type { MemoryBudget } from './memory-budget.ts';

export interface RequestBodyOptions {
  readonly stream: ServerHttp2Stream;
  readonly kind: CallKind;
  /** `grpc-encoding` of the request. */
  readonly encoding: string | undefined;
  readonly budget: MemoryBudget;
  /** How long a whole message may take to arrive, in milliseconds. */
  readonly readTimeoutMs: number;
}

/** A reader over the request half of a stream; see `RequestBody` for what it promises. */
export function createRequestBody(options: RequestBodyOptions): RequestBody {
  return new StreamBody(options);
}

/** Messages up to this size are not charged to the budget: the stream itself costs about as much. */
const unchargedBytes = 16 * 1024;

/**
 * How long the end of an upload is held back, milliseconds. Clients built on node:http2 half-close right before they
 * reset (grpc-js on cancel); a node would take the cancelled upload for a complete one.
 */
const halfCloseMs = 25;

interface Waiting {
  readonly resolve: (frame: Frame | undefined) => void;
  readonly reject: (error: GateError) => void;
}

class StreamBody implements RequestBody {
  readonly #o: RequestBodyOptions;
  /** Unary and server-streaming: the request is one message and then the end. */
  readonly #whole: boolean;
  readonly #splitter = new FrameSplitter();
  #queue: Frame[] = [];
  #listening = false;
  #halfClosed = false;
  #failure: GateError | undefined;
  #first = true;
  #paused = false;
  #waiting: Waiting | undefined;
  #sink: RequestBodySink | undefined;
  #held = 0;
  #charged = 0;
  #releases = false;

  constructor(options: RequestBodyOptions) {
    this.#o = options;
    this.#whole = options.kind === 'unary' || options.kind === 'server-streaming';
  }

  get ended(): boolean {
    return this.#halfClosed && this.#queue.length === 0 && this.#splitter.pending === 0;
  }

  async readFirst(signal?: AbortSignal): Promise<Buffer> {
    const payload = await this.readNext(signal);
    if (payload === undefined) throw new GateError('bad-request', 'the request holds no message');
    return payload;
  }

  async readNext(signal?: AbortSignal): Promise<Buffer | undefined> {
    const frame = await this.#next(signal);
    this.#first = false;
    return frame?.compressed === true ? await this.#inflate(frame) : frame?.payload;
  }

  start(sink: RequestBodySink): void {
    this.#sink = sink;
    for (const frame of this.#queue) sink.data(encodeFrame(frame.payload, frame.compressed));
    this.#queue = [];
    const rest = this.#splitter.drain();
    if (rest.length > 0) sink.data(rest);
    this.#release();
    if (this.#halfClosed) sink.end();
    else this.#flow();
  }

  pause(): void {
    this.#paused = true;
    this.#o.stream.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#o.stream.resume();
  }

  /** Charges for the largest possible message until the real size is known, so that bombs cannot add up either. */
  async #inflate(frame: Frame): Promise<Buffer> {
    this.#charge(maxMessageBytes);
    const payload = await decompressFrame(frame, this.#o.encoding);
    this.#discharge(maxMessageBytes - payload.length);
    return payload;
  }

  #next(signal: AbortSignal | undefined): Promise<Frame | undefined> {
    const { stream, readTimeoutMs } = this.#o;
    // What was read before is no longer ours to account for.
    const kept = this.#queue.reduce((sum, frame) => sum + frame.payload.length, this.#splitter.pending);
    this.#discharge(this.#held - kept);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#fail(new GateError('deadline-exceeded', `no whole message arrived within ${readTimeoutMs} ms`));
      }, readTimeoutMs);
      const onGone = (): void => {
        this.#fail(new GateError('cancelled', 'the caller went away'));
      };
      const onAbort = (): void => {
        this.#fail(GateError.from(signal?.reason));
      };
      const settle = (): void => {
        this.#waiting = undefined;
        clearTimeout(timer);
        stream.off('aborted', onGone);
        stream.off('close', onGone);
        signal?.removeEventListener('abort', onAbort);
      };
      this.#waiting = {
        resolve: frame => {
          settle();
          resolve(frame);
        },
        reject: error => {
          settle();
          reject(error);
        },
      };
      stream.on('aborted', onGone);
      stream.on('close', onGone);
      signal?.addEventListener('abort', onAbort);
      if (signal?.aborted === true) onAbort();
      else if (stream.aborted || stream.destroyed) onGone();
      if (!this.#settle()) this.#flow();
    });
  }

  #flow(): void {
    const { stream } = this.#o;
    if (!this.#listening) {
      this.#listening = true;
      stream.on('data', (chunk: Buffer) => {
        this.#onData(chunk);
      });
      stream.on('end', () => {
        if (this.#whole) this.#onEnd();
        else
          setTimeout(() => {
            this.#onEnd();
          }, halfCloseMs);
      });
    }
    if (!this.#paused) stream.resume();
  }

  #onData(chunk: Buffer): void {
    if (this.#sink !== undefined) {
      this.#sink.data(chunk);
      return;
    }
    // After a failure the rest is dropped; what ends the call decides how much of it is still taken in.
    if (this.#failure !== undefined) return;
    try {
      this.#charge(chunk.length);
      this.#queue.push(...this.#splitter.push(chunk));
    } catch (error) {
      this.#fail(GateError.from(error));
      return;
    }
    if (this.#settle()) this.#o.stream.pause();
  }

  #onEnd(): void {
    // A reset with NO_ERROR also ends the readable side; only a stream that was not aborted was really half-closed.
    if (this.#o.stream.aborted) return;
    this.#halfClosed = true;
    if (this.#sink !== undefined) this.#sink.end();
    else this.#settle();
  }

  /** Gives a waiting reader its message, its end or its error, if one of them is known. False: it still waits. */
  #settle(): boolean {
    const waiting = this.#waiting;
    if (waiting === undefined) return true;
    const failure = this.#failure ?? this.#misfit();
    if (failure !== undefined) {
      this.#failure = failure;
      this.#release();
      waiting.reject(failure);
    } else if (this.#halfClosed || (this.#queue.length > 0 && !(this.#whole && this.#first))) {
      waiting.resolve(this.#queue.shift());
    } else {
      return false;
    }
    return true;
  }

  /** What is wrong with the request as far as it has come. */
  #misfit(): GateError | undefined {
    const surplus = this.#queue.length + (this.#splitter.pending > 0 ? 1 : 0) > 1;
    if (this.#whole && surplus) return new GateError('bad-request', 'the method takes one message, more were sent');
    if (this.#halfClosed && this.#queue.length === 0 && this.#splitter.pending > 0) {
      return new GateError('malformed-frame', 'the request ends in the middle of a message');
    }
    return undefined;
  }

  #fail(error: GateError): void {
    this.#failure ??= error;
    this.#settle();
  }

  #charge(bytes: number): void {
    this.#held += bytes;
    const due = this.#held - this.#charged;
    if (this.#held <= unchargedBytes || due <= 0) return;
    if (!this.#o.budget.take(due)) {
      throw new GateError('overloaded', 'talosgate holds too many large requests at the moment, try again');
    }
    if (!this.#releases) {
      this.#releases = true;
      this.#o.stream.once('close', () => {
        this.#release();
      });
    }
    this.#charged += due;
  }

  #discharge(bytes: number): void {
    this.#held -= bytes;
    const surplus = Math.min(this.#charged, this.#charged - this.#held);
    if (surplus <= 0) return;
    this.#o.budget.give(surplus);
    this.#charged -= surplus;
  }

  #release(): void {
    this.#o.budget.give(this.#charged);
    this.#charged = 0;
    this.#held = 0;
  }
}
