import type { Clock } from '../core/clock.ts';

/** UUID version 4 (RFC 9562 section 5.4), as Linux makes boot ids and Talos actor ids. */
export function randomUuid(clock: Clock): string {
  const bytes = clock.random(16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const base32hex = '0123456789abcdefghijklmnopqrstuv';

/** Twelve bytes in the alphabet of rs/xid, which Talos uses for event ids: time, three random parts, a counter. */
export function eventId(clock: Clock, counter: number): string {
  const bytes = Buffer.alloc(13);
  bytes.writeUInt32BE(Math.floor(clock.now() / 1000), 0);
  bytes.writeUIntBE(counter % 2 ** 48, 6, 6);
  let text = '';
  for (let bit = 0; bit < 100; bit += 5) {
    const pair = bytes.readUInt16BE(Math.floor(bit / 8));
    text += base32hex.charAt((pair >> (11 - (bit % 8))) & 31);
  }
  return text;
}
