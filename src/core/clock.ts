import { randomBytes } from 'node:crypto';

/** Time and randomness as arguments. Only `systemClock` reads the real ones. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Monotonic microseconds; only differences mean anything. */
  monotonic(): number;
  /** Cryptographically random bytes. */
  random(size: number): Buffer;
}

const stockSize = 4096;
let stock = Buffer.alloc(0);
let used = 0;

/** Small amounts come out of a stock: asking the generator costs microseconds however little is wanted. No byte twice. */
function fromStock(size: number): Buffer {
  if (size > 64) return randomBytes(size);
  if (used + size > stock.length) {
    stock = randomBytes(stockSize);
    used = 0;
  }
  used += size;
  return stock.subarray(used - size, used);
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => Math.round(performance.now() * 1000),
  random: fromStock,
};

/** UUID version 7 (RFC 9562 section 5.7): sorts by the millisecond it was made in. */
export function uuidv7(clock: Clock): string {
  const bytes = clock.random(16);
  bytes.writeUIntBE(clock.now(), 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
