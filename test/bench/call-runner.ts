import type { Duplex } from 'node:stream';
import { encodeFrame as encodeMessage } from '../../src/core/grpc-frame.ts';
import { type Field, indexedBlocks } from './hpack.ts';
import {
  encodeFrame,
  FrameReader,
  flags,
  frameTypes,
  type Http2Frame,
  preface,
  settingsFrame,
  streamNumberOffset,
  WindowKeeper,
  windowUpdate,
} from './http2-frames.ts';
import { nodeName } from './pki.ts';

const requestHeaders: readonly Field[] = [
  [':method', 'POST'],
  [':scheme', 'https'],
  [':path', '/machine.MachineService/Version'],
  [':authority', 'localhost'],
  ['content-type', 'application/grpc'],
  ['user-agent', 'grpc-go/1.81.0'],
  ['te', 'trailers'],
  ['node', nodeName],
];

/** Open calls are told apart by their stream number in a ring of this many places, far more than are ever open. */
const ringSize = 65_536;

/** Keeps a number of calls of Version open on one HTTP/2 connection. Counts what comes back. */
export class CallRunner {
  calls = 0;
  /** Calls whose reply had another length, that were reset, or that were open when the connection broke. */
  failures = 0;
  readonly #socket: Duplex;
  readonly #replyBytes: number;
  readonly #reader = new FrameReader();
  readonly #window = new WindowKeeper();
  readonly #startedAt = new Float64Array(ringSize);
  readonly #received = new Uint32Array(ringSize);
  #samples = new Float64Array(1 << 16);
  #request: Buffer;
  readonly #laterRequest: Buffer;
  #nextStream = 1;
  #open = 0;
  #stopped = false;
  #out: Buffer[] = [];
  #now = 0;

  constructor(socket: Duplex, replyBytes: number) {
    this.#socket = socket;
    this.#replyBytes = replyBytes;
    const blocks = indexedBlocks(requestHeaders);
    this.#request = requestOf(blocks.first);
    this.#laterRequest = requestOf(blocks.later);
    socket.on('data', (chunk: Buffer) => {
      this.#now = performance.now();
      this.#reader.push(chunk, frame => this.#take(frame));
      this.#flush();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => this.#lost());
  }

  begin(concurrency: number): void {
    this.#now = performance.now();
    this.#out.push(preface, settingsFrame(), windowUpdate(0, 0x3fff_ffff));
    for (let i = 0; i < concurrency; i++) this.#call();
    this.#flush();
  }

  /** Forgets what was counted so far. */
  reset(): void {
    this.calls = 0;
    this.failures = 0;
  }

  /** Microseconds of every call since the last reset, sorted. */
  latencies(): Float64Array {
    return this.#samples.slice(0, this.calls).sort();
  }

  /** Calls no more. What is still open is not counted. */
  stop(): void {
    this.#stopped = true;
  }

  #call(): void {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    const request = Buffer.from(this.#request);
    request.writeUInt32BE(stream, streamNumberOffset);
    request.writeUInt32BE(stream, request.length - encodedEmpty.length - 4);
    this.#request = this.#laterRequest;
    this.#startedAt[place(stream)] = this.#now;
    this.#received[place(stream)] = 0;
    this.#open++;
    this.#out.push(request);
  }

  #take(frame: Http2Frame): void {
    switch (frame.type) {
      case frameTypes.settings:
      case frameTypes.ping:
        if ((frame.flags & flags.ack) !== 0) return;
        this.#out.push(encodeFrame(frame.type, flags.ack, 0, frame.type === frameTypes.ping ? frame.payload : nothing));
        return;
      case frameTypes.data: {
        const at = place(frame.stream);
        this.#received[at] = (this.#received[at] ?? 0) + frame.payload.length;
        const update = this.#window.received(frame.payload.length);
        if (update !== undefined) this.#out.push(update);
        break;
      }
      case frameTypes.rstStream:
        this.#received[place(frame.stream)] = 0;
        this.#end(frame.stream);
        return;
      default:
    }
    const mayEnd = frame.type === frameTypes.headers || frame.type === frameTypes.data;
    if (mayEnd && (frame.flags & flags.endStream) !== 0) this.#end(frame.stream);
  }

  #end(stream: number): void {
    const at = place(stream);
    const begun = this.#startedAt[at] ?? 0;
    // A reset may follow an answer that has ended: that call was counted.
    if (begun === 0) return;
    this.#startedAt[at] = 0;
    this.#open--;
    if (this.#stopped) return;
    if (this.#received[at] !== this.#replyBytes) this.failures++;
    this.#keep((this.#now - begun) * 1000);
    this.#call();
  }

  #keep(latency: number): void {
    if (this.calls === this.#samples.length) {
      const grown = new Float64Array(2 * this.#samples.length);
      grown.set(this.#samples);
      this.#samples = grown;
    }
    this.#samples[this.calls++] = latency;
  }

  #flush(): void {
    if (this.#out.length > 0) this.#socket.write(Buffer.concat(this.#out));
    this.#out = [];
  }

  #lost(): void {
    if (!this.#stopped) this.failures += this.#open;
  }
}

const nothing = Buffer.alloc(0);
/** google.protobuf.Empty as a gRPC message. */
const encodedEmpty = encodeMessage(nothing);

function place(stream: number): number {
  return (stream >>> 1) & (ringSize - 1);
}

function requestOf(block: Buffer): Buffer {
  return Buffer.concat([
    encodeFrame(frameTypes.headers, flags.endHeaders, 0, block),
    encodeFrame(frameTypes.data, flags.endStream, 0, encodedEmpty),
  ]);
}
