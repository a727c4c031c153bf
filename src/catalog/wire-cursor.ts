/** Thrown while scanning; the scanner adds where it happened. */
export class WireError extends Error {}

/**
 * Reads the two building blocks of the protobuf wire format (protobuf.dev/programming-guides/encoding) without
 * allocating. A varint is left in `low` and `high`, two unsigned 32-bit halves.
 */
export class WireCursor {
  readonly bytes: Uint8Array;
  position = 0;
  low = 0;
  high = 0;
  /** Turns false for good once a varint was longer than it needs to be. */
  minimal = true;
  /** Values met so far; the scanner counts. */
  values = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Reads a varint of at most 64 bits that ends before `end`. */
  varint(end: number): void {
    const first = this.#byte(end);
    this.low = first & 0x7f;
    this.high = 0;
    if (first >= 0x80) this.#rest(end);
  }

  /** Reads a length that must fit before `end`. */
  length(end: number): number {
    this.varint(end);
    if (this.high !== 0 || this.low > end - this.position) throw new WireError('is cut short');
    return this.low;
  }

  #rest(end: number): void {
    for (let shift = 7; shift < 70; shift += 7) {
      const byte = this.#byte(end);
      const bits = byte & 0x7f;
      if (shift === 63 && byte > 1) throw new WireError('has a number of more than 64 bits');
      if (shift < 28) this.low = (this.low | (bits << shift)) >>> 0;
      else if (shift === 28) {
        this.low = (this.low | (bits << 28)) >>> 0;
        this.high = bits >>> 4;
      } else this.high = (this.high | (bits << (shift - 32))) >>> 0;
      if (byte < 0x80) {
        if (byte === 0) this.minimal = false;
        return;
      }
    }
  }

  #byte(end: number): number {
    if (this.position >= end) throw new WireError('is cut short');
    const byte = this.bytes[this.position] ?? 0;
    this.position += 1;
    return byte;
  }
}
