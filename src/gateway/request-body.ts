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
  /** How long the first message may take to arrive whole, in milliseconds. Later ones may be typed by people. */
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
  readonly resolve: (payload: Buffer | undefined | Promise<Buffer>) => void;
  readonly reject: (error: GateError) => void;
  readonly timer: NodeJS.Timeout | undefined;
}

class StreamBody implements RequestBody {
  readonly #o: RequestBodyOptions;
  /** Unary and server-streaming: the request is one message and then the end. */
  readonly #whole: boolean;
  readonly #splitter = new FrameSplitter();
  readonly #queue: Frame[] = [];
  #listening = false;
  #halfClosed = false;
  #failure: GateError | undefined;
  /** Messages that were asked for. */
  #asked = 0;
  #paused = false;
  #waiting: Waiting | undefined;
  #sink: RequestBodySink | undefined;
  /** Bytes of messages that were not passed on yet, and how many of them are charged to the budget. */
  #held = 0;
  #charged = 0;

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

  readNext(signal?: AbortSignal): Promise<Buffer | undefined> {
    const { readTimeoutMs } = this.#o;
    this.#asked++;
    // What was read before is no longer ours to account for.
    if (this.#held > 0) this.#discharge(this.#held - this.#unread());
    const read = new Promise<Buffer | undefined>((resolve, reject) => {
      const onLate = (): void => {
        this.#fail(new GateError('bad-request', `no whole message arrived within ${readTimeoutMs} ms`));
      };
      const timer = this.#asked === 1 ? setTimeout(onLate, readTimeoutMs) : undefined;
      this.#waiting = { resolve, reject, timer };
    });
    if (this.#o.stream.aborted || this.#o.stream.destroyed) this.#fail(callerGone());
    else if (!this.#settle()) this.#flow();
    return signal === undefined ? read : this.#unlessAborted(read, signal);
  }

  start(sink: RequestBodySink): void {
    this.#sink = sink;
    for (const frame of this.#queue) sink.data(encodeFrame(frame.payload, frame.compressed));
    this.#queue.length = 0;
    if (this.#splitter.pending > 0) sink.data(this.#splitter.drain());
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

  async #unlessAborted(read: Promise<Buffer | undefined>, signal: AbortSignal): Promise<Buffer | undefined> {
    const onAbort = (): void => {
      this.#stopWaiting(GateError.from(signal.reason));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort);
    try {
      return await read;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** The reader has other plans. No failure of the request: what comes from now on is kept for whoever reads next. */
  #stopWaiting(error: GateError): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    clearTimeout(waiting.timer);
    this.#waiting = undefined;
    this.#o.stream.pause();
    waiting.reject(error);
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
      stream.on('close', () => {
        if (this.#waiting !== undefined) this.#fail(callerGone());
        this.#release();
      });
      // An end without data comes as soon as it arrives, whether anybody listens or not.
      if (stream.readableEnded) this.#onEnd();
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
      for (const frame of this.#splitter.push(chunk)) this.#queue.push(frame);
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
    if (failure === undefined) {
      const complete = this.#halfClosed || (this.#queue.length > 0 && !(this.#whole && this.#asked === 1));
      if (!complete) return false;
    }
    clearTimeout(waiting.timer);
    this.#waiting = undefined;
    if (failure === undefined) {
      const frame = this.#queue.shift();
      waiting.resolve(frame?.compressed === true ? this.#inflate(frame) : frame?.payload);
    } else {
      this.#failure = failure;
      this.#release();
      waiting.reject(failure);
    }
    return true;
  }

  /** What is wrong with the request as far as it has come. */
  #misfit(): GateError | undefined {
    const partial = this.#splitter.pending > 0;
    if (this.#whole && this.#queue.length + (partial ? 1 : 0) > 1) {
      return new GateError('bad-request', 'the method takes one message, more were sent');
    }
    if (this.#halfClosed && this.#queue.length === 0 && partial) {
      return new GateError('malformed-frame', 'the request ends in the middle of a message');
    }
    return undefined;
  }

  #fail(error: GateError): void {
    this.#failure ??= error;
    this.#settle();
  }

  /** Charges for the largest possible message until the real size is known, so that bombs cannot add up either. */
  async #inflate(frame: Frame): Promise<Buffer> {
    this.#charge(maxMessageBytes);
    let size = 0;
    try {
      const payload = await decompressFrame(frame, this.#o.encoding);
      size = payload.length;
      return payload;
    } finally {
      this.#discharge(maxMessageBytes - size);
    }
  }

  #unread(): number {
    let bytes = this.#splitter.pending;
    for (const frame of this.#queue) bytes += frame.payload.length;
    return bytes;
  }

  #charge(bytes: number): void {
    const due = this.#held + bytes - this.#charged;
    if (this.#held + bytes > unchargedBytes && due > 0) {
      // A stream that is gone has no listener left to give anything back.
      if (this.#o.stream.destroyed) throw callerGone();
      if (!this.#o.budget.take(due)) {
        throw new GateError('overloaded', 'talosgate holds too many large requests at the moment, try again');
      }
      this.#charged += due;
    }
    this.#held += bytes;
  }

  #discharge(bytes: number): void {
    this.#held = Math.max(0, this.#held - bytes);
    const surplus = this.#charged - this.#held;
    if (surplus <= 0) return;
    this.#o.budget.give(surplus);
    this.#charged -= surplus;
  }

  #release(): void {
    this.#discharge(this.#held);
  }
}

function callerGone(): GateError {
  return new GateError('cancelled', 'the caller went away');
}
