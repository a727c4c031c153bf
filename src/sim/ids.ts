import type { Clock } from '../core/clock.ts';

/** UUID version 4 (RFC 9562 section 5.4), as Linux makes boot ids and Talos actor ids. */
export function randomUuid(clock: Clock): string {
  const bytes = clock.random(16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
