// Writes and reads HTTP/2 frames by hand (RFC 9113), for what no library lets a client do.
import { connect, type TLSSocket } from 'node:tls';

export const frameTypes = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const frameFlags = { endStream: 0x1, ack: 0x1, endHeaders: 0x4 } as const;

export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** Section 4.1: length, type, flags, stream. */
export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** HPACK block of literal fields without indexing and without Huffman coding (RFC 7541 section 6.2.2). */
export function headerBlock(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), hpackString(name), hpackString(value)]));
}

export function uint32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value);
  return out;
}

/** The fields of an ordinary gRPC request, then others. */
export function grpcHead(path: string, more: readonly (readonly [string, string])[] = []): Buffer {
  return headerBlock([
    [':method', 'POST'],
    [':scheme', 'https'],
    [':authority', 'gateway.test'],
    [':path', path],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...more,
  ]);
}

/** A TLS connection that speaks HTTP/2 only as far as it is told to. The preface and empty settings are sent. */
export class RawH2 {
  readonly socket: TLSSocket;
  readonly frames: RawFrame[] = [];
  closed = false;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
    });
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      this.#cut();
    });
    socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(frameTypes.settings, 0, 0)]));
  }

  send(...frames: Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames));
  }

  /** First frame received of a type, or undefined. */
  find(type: number): RawFrame | undefined {
    return this.frames.find(seen => seen.type === type && (seen.flags & frameFlags.ack) === 0);
  }

  close(): Promise<void> {
    this.socket.destroy();
    return Promise.resolve();
  }

  #cut(): void {
    while (this.#buffer.length >= 9) {
      const size = 9 + this.#buffer.readUIntBE(0, 3);
      if (this.#buffer.length < size) return;
      this.frames.push({
        type: this.#buffer.readUInt8(3),
        flags: this.#buffer.readUInt8(4),
        stream: this.#buffer.readUInt32BE(5),
        payload: this.#buffer.subarray(9, size),
      });
      this.#buffer = this.#buffer.subarray(size);
    }
  }
}

/** Connects to 127.0.0.1 with ALPN h2 and sends the preface. */
export async function connectRaw(port: number, ca: string): Promise<RawH2> {
  const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2'] });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('secureConnect', resolve);
  });
  return new RawH2(socket);
}

/** RFC 7541 section 5.2, plain octets; lengths up to 127 + 2^14 are enough here. */
function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const rest = [127];
  let left = bytes.length - 127;
  for (; left >= 128; left = Math.floor(left / 128)) rest.push((left % 128) | 128);
  rest.push(left);
  return Buffer.concat([Buffer.from(rest), bytes]);
}
