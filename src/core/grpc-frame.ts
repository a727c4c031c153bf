import { GateError } from './gate-error.ts';
import { maxMessageBytes } from './grpc.ts';

/** One gRPC message as it stands on the wire: PROTOCOL-HTTP2.md "Length-Prefixed-Message". */
export interface Frame {
  readonly compressed: boolean;
  readonly payload: Buffer;
}

/** Length of the prefix before each message: one flag byte, four length bytes. */
export const framePrefixBytes = 5;

const nothing = Buffer.alloc(0);

/** Length-prefixes a message, uncompressed unless said. */
export function encodeFrame(payload: Uint8Array, compressed = false): Buffer {
  const out = Buffer.allocUnsafe(framePrefixBytes + payload.length);
  out[0] = compressed ? 1 : 0;
  out.writeUInt32BE(payload.length, 1);
  out.set(payload, framePrefixBytes);
  return out;
}

/**
 * Cuts a byte stream into gRPC messages. Feed it chunks in order; it yields every message that became complete.
 * Throws GateError `malformed-frame` on a compression flag other than 0 or 1 and `message-too-large` on a length over
 * the limit, before buffering the message.
 */
export class FrameSplitter {
  readonly #limit: number;
  /** Start of an incomplete message. Grows by doubling, so that one-byte chunks cost no more than large ones. */
  #held: Buffer = nothing;
  #size = 0;

  constructor(limit: number = maxMessageBytes) {
    this.#limit = limit;
  }

  /** Bytes held that do not make a whole message yet. Not zero at the end of a stream means it was cut. */
  get pending(): number {
    return this.#size;
  }

  /** Payloads of messages that lie in one chunk are views of it, others are copied once. */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      const size = this.#size === 0 ? this.#frameSize(rest) : undefined;
      if (size !== undefined && rest.length >= size) {
        frames.push({ compressed: rest[0] === 1, payload: rest.subarray(framePrefixBytes, size) });
        rest = rest.subarray(size);
      } else {
        rest = rest.subarray(this.#hold(rest));
        if (this.#size === this.#frameSize(this.#held.subarray(0, this.#size))) {
          const whole = this.drain();
          frames.push({ compressed: whole[0] === 1, payload: whole.subarray(framePrefixBytes) });
        }
      }
    }
    return frames;
  }

  /** Hands back, and forgets, what is held of an incomplete message: its prefix and part of its payload. */
  drain(): Buffer {
    const rest = this.#held.subarray(0, this.#size);
    this.#held = nothing;
    this.#size = 0;
    return rest;
  }

  /** Copies what belongs to the message in progress and returns how much that was. */
  #hold(bytes: Buffer): number {
    const wanted = this.#frameSize(this.#held.subarray(0, this.#size)) ?? framePrefixBytes;
    const taken = Math.min(wanted - this.#size, bytes.length);
    const needed = this.#size + taken;
    if (needed > this.#held.length) {
      const grown = Buffer.allocUnsafe(Math.min(wanted, Math.max(needed, 2 * this.#held.length)));
      this.#held.copy(grown, 0, 0, this.#size);
      this.#held = grown;
    }
    bytes.copy(this.#held, this.#size, 0, taken);
    this.#size = needed;
    return taken;
  }

  /** Size of the message at the start of the bytes, prefix included; undefined while the prefix is not whole. */
  #frameSize(bytes: Buffer): number | undefined {
    if (bytes.length < framePrefixBytes) return undefined;
    return framePrefixBytes + checkPrefix(bytes[0] ?? 0, bytes.readUInt32BE(1), this.#limit);
  }
}

/**
 * Follows the message boundaries in a byte stream that passes by, without keeping any of it. Throws like
 * FrameSplitter.
 */
export class FrameCounter {
  /** Messages that are complete. */
  messages = 0;
  /** All bytes seen, prefixes included. */
  bytes = 0;
  readonly #limit: number;
  /** Payload bytes of the open message still to come. */
  #left = 0;
  #prefix = 0;
  #flag = 0;
  #length = 0;

  constructor(limit: number = maxMessageBytes) {
    this.#limit = limit;
  }

  /** Length announced by the message in progress; 0 between messages and while its prefix is not whole. */
  get open(): number {
    return this.#left > 0 ? this.#length : 0;
  }

  /** Returns the offset just behind the last message that ends in this chunk, 0 when none does. */
  push(chunk: Buffer): number {
    const size = chunk.length;
    this.bytes += size;
    let at = 0;
    let boundary = 0;
    while (at < size) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, size - at);
        this.#left -= step;
        at += step;
      } else {
        at = this.#readPrefix(chunk, at);
        if (this.#prefix > 0) break;
      }
      if (this.#left === 0) {
        this.messages++;
        boundary = at;
      }
    }
    return boundary;
  }

  /** Reads what is there of a prefix; `#prefix` returns to 0 when it is whole. */
  #readPrefix(chunk: Buffer, start: number): number {
    let at = start;
    if (this.#prefix === 0 && chunk.length - at >= framePrefixBytes) {
      this.#flag = chunk[at] ?? 0;
      this.#length = chunk.readUInt32BE(at + 1);
      at += framePrefixBytes;
    } else {
      for (; at < chunk.length && this.#prefix < framePrefixBytes; at++, this.#prefix++) {
        const byte = chunk[at] ?? 0;
        if (this.#prefix === 0) {
          this.#flag = byte;
          this.#length = 0;
        } else {
          this.#length = this.#length * 256 + byte;
        }
      }
      if (this.#prefix < framePrefixBytes) return at;
      this.#prefix = 0;
    }
    this.#left = checkPrefix(this.#flag, this.#length, this.#limit);
    return at;
  }
}

function checkPrefix(flag: number, length: number, limit: number): number {
  if (flag > 1) throw new GateError('malformed-frame', `gRPC frame with compression byte ${flag}, expected 0 or 1`);
  if (length > limit) {
    throw new GateError('message-too-large', `message of ${length} bytes, at most ${limit} are accepted`);
  }
  return length;
}
