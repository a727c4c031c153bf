// Just enough HTTP/2 (RFC 9113) for a load client and an answering machine that cost a tenth of what they measure. Neither
// is a general peer: small messages, one header block per frame, no priorities.

export const frameTypes = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
} as const;
export const flags = { ack: 0x1, endStream: 0x1, endHeaders: 0x4 } as const;
const frameHeadBytes = 9;
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** SETTINGS_HEADER_TABLE_SIZE. */
const headerTableSize = 1;

/** One frame; `payload` is a view of the buffer it came in. */
export interface Http2Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A whole frame, ready to be sent. */
export function encodeFrame(type: number, flag: number, stream: number, payload: Uint8Array): Buffer {
  const out = Buffer.alloc(frameHeadBytes + payload.length);
  out.writeUIntBE(payload.length, 0, 3);
  out[3] = type;
  out[4] = flag;
  out.writeUInt32BE(stream, 5);
  out.set(payload, frameHeadBytes);
  return out;
}

/** Where the stream number stands in a frame, from its start. */
export const streamNumberOffset = 5;

export function windowUpdate(stream: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return encodeFrame(frameTypes.windowUpdate, 0, stream, payload);
}

/** A SETTINGS frame with one value in it, or an empty one. */
export function settingsFrame(id?: number, value = 0): Buffer {
  const payload = Buffer.alloc(id === undefined ? 0 : 6);
  if (id !== undefined) {
    payload.writeUInt16BE(id, 0);
    payload.writeUInt32BE(value, 2);
  }
  return encodeFrame(frameTypes.settings, 0, 0, payload);
}

/** The header table that a SETTINGS frame allows us, in bytes; undefined when it does not say. */
export function announcedTableSize(payload: Buffer): number | undefined {
  for (let at = 0; at + 6 <= payload.length; at += 6) {
    if (payload.readUInt16BE(at) === headerTableSize) return payload.readUInt32BE(at + 2);
  }
  return undefined;
}

/** Cuts a connection's bytes into frames. Calls `take` for each whole one, in order. */
export class FrameReader {
  #held: Buffer = Buffer.alloc(0);

  push(chunk: Buffer, take: (frame: Http2Frame) => void): void {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    let at = 0;
    while (bytes.length - at >= frameHeadBytes) {
      const end = at + frameHeadBytes + bytes.readUIntBE(at, 3);
      if (bytes.length < end) break;
      take({
        type: bytes[at + 3] ?? 0,
        flags: bytes[at + 4] ?? 0,
        stream: bytes.readUInt32BE(at + 5) & 0x7fffffff,
        payload: bytes.subarray(at + frameHeadBytes, end),
      });
      at = end;
    }
    this.#held = bytes.subarray(at);
  }
}

/** Gives the peer its window back: a connection's worth of received bytes, in steps of half the initial window. */
export class WindowKeeper {
  #unreported = 0;

  /** Counts DATA bytes; a frame to send when it is time. */
  received(bytes: number): Buffer | undefined {
    this.#unreported += bytes;
    if (this.#unreported < 32_768) return undefined;
    const update = windowUpdate(0, this.#unreported);
    this.#unreported = 0;
    return update;
  }
}
