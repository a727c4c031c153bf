import { GateError } from './gate-error.ts';
import { maxMessageBytes } from './grpc.ts';

/** One gRPC message as it stands on the wire: PROTOCOL-HTTP2.md "Length-Prefixed-Message". */
export interface Frame {
  readonly compressed: boolean;
  readonly payload: Buffer;
}

/** Length-prefixes a message, uncompressed. */
export function encodeFrame(payload: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(5 + payload.length);
  out.writeUInt8(0, 0);
  out.writeUInt32BE(payload.length, 1);
  out.set(payload, 5);
  return out;
}

/**
 * Cuts a byte stream into gRPC messages. Feed it chunks in order; it yields every message that became complete.
 * Throws GateError `malformed-frame` on a compression flag other than 0 or 1 and `message-too-large` on a length over
 * the limit, before buffering the message.
 */
export class FrameSplitter {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(limit: number = maxMessageBytes) {
    this.#limit = limit;
  }

  /** Bytes held that do not make a whole message yet. Not zero at the end of a stream means it was cut. */
  get pending(): number {
    return this.#size;
  }

  push(chunk: Buffer): Frame[] {
    if (chunk.length === 0) return [];
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const frames: Frame[] = [];
    for (let frame = this.#take(); frame !== undefined; frame = this.#take()) frames.push(frame);
    return frames;
  }

  /** Hands back, and forgets, what is held of an incomplete message: its header and part of its payload. */
  drain(): Buffer {
    const rest = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#size = 0;
    return rest;
  }

  #take(): Frame | undefined {
    if (this.#size < 5) return undefined;
    const header = this.#peek(5);
    const flag = header.readUInt8(0);
    if (flag > 1) throw new GateError('malformed-frame', `gRPC frame with compression byte ${flag}, expected 0 or 1`);
    const length = header.readUInt32BE(1);
    if (length > this.#limit) {
      throw new GateError('message-too-large', `message of ${length} bytes, at most ${this.#limit} are accepted`);
    }
    if (this.#size < 5 + length) return undefined;
    const whole = this.#peek(5 + length);
    this.#chunks = [whole.subarray(5 + length), ...this.#chunks.slice(1)].filter(part => part.length > 0);
    this.#size -= 5 + length;
    return { compressed: flag === 1, payload: whole.subarray(5, 5 + length) };
  }

  /** Makes the first `size` bytes contiguous, in place, and returns the first chunk. */
  #peek(size: number): Buffer {
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= size) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }
}
