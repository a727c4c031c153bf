import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { encodeFrame, FrameSplitter } from '../../src/core/grpc-frame.ts';
import { decodeGrpcMessage } from '../../src/core/grpc-message.ts';

export interface H2ClientOptions {
  readonly port: number;
  /** CA that the server's certificate comes from. */
  readonly ca: string;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** Receive window of each stream, bytes. Small ones make a slow reader out of a client that does not read. */
  readonly window?: number;
  /** A TLS session of an earlier connection, to try to resume. */
  readonly tlsSession?: Buffer | undefined;
}

/** What came back for one call. Lists are raw: name, value, name, value. */
export interface H2Reply {
  readonly httpStatus: number | undefined;
  readonly headers: readonly string[];
  readonly trailers: readonly string[];
  readonly messages: readonly Buffer[];
  /** `grpc-status` of the trailers, or of the headers of an answer without body. */
  readonly code: number | undefined;
  /** `grpc-message`, decoded. */
  readonly message: string;
  /** Error code of RST_STREAM, 0 for none. */
  readonly reset: number;
}

/** A client that sends exactly the header fields and bytes it is told to, for tests of the gateway's door. */
export class H2Client {
  readonly session: ClientHttp2Session;
  readonly socket: TLSSocket;

  constructor(session: ClientHttp2Session, socket: TLSSocket) {
    this.session = session;
    this.socket = socket;
  }

  /** Starts a call. `fields` follow the usual ones in the given order, repeated as often as they stand there. */
  start(path: string, fields: readonly (readonly [string, string])[] = []): H2Call {
    const own = new Set(fields.map(([name]) => name));
    const usual = (
      [
        [':method', 'POST'],
        [':scheme', 'https'],
        [':authority', 'gateway.test:50000'],
        [':path', path],
        ['content-type', 'application/grpc'],
        ['te', 'trailers'],
      ] as const
    ).filter(([name]) => !own.has(name));
    const pseudoFirst = [...usual, ...fields].sort(
      (a, b) => Number(b[0].startsWith(':')) - Number(a[0].startsWith(':')),
    );
    return new H2Call(this.session.request(pseudoFirst.flat(), { endStream: false }));
  }

  /** A whole unary call with one message. */
  async unary(
    path: string,
    payload: Uint8Array = new Uint8Array(),
    fields: readonly (readonly [string, string])[] = [],
  ): Promise<H2Reply> {
    const call = this.start(path, fields);
    call.stream.end(encodeFrame(payload));
    return await call.reply;
  }

  async close(): Promise<void> {
    if (this.session.destroyed) return;
    const closed = new Promise(resolve => this.session.once('close', resolve));
    this.session.destroy();
    await closed;
  }
}

/** One call; its stream is the caller's to write to, pause or reset. */
export class H2Call {
  readonly stream: ClientHttp2Stream;
  /** Resolves when the reply has ended or the stream was reset. */
  readonly reply: Promise<H2Reply>;
  readonly messages: Buffer[] = [];
  #headers: string[] = [];
  #trailers: string[] = [];
  #waiters: (() => void)[] = [];

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream;
    const splitter = new FrameSplitter(64 * 1024 * 1024);
    (stream as NodeJS.EventEmitter).on('response', (_headers: object, _flags: number, raw: string[]) => {
      this.#headers = raw;
      stream.on('data', (chunk: Buffer) => {
        this.messages.push(...splitter.push(chunk).map(frame => frame.payload));
        this.#wake();
      });
      this.#wake();
    });
    (stream as NodeJS.EventEmitter).on('trailers', (_headers: object, _flags: number, raw: string[]) => {
      this.#trailers = raw;
    });
    stream.on('error', () => undefined);
    this.reply = new Promise(resolve => {
      stream.on('end', () => {
        resolve(this.#read());
        // Like every gRPC client: the call is over for us, whatever of the request is still to be sent.
        if (!stream.writableEnded) this.cancel();
      });
      stream.on('close', () => {
        this.#wake();
        resolve(this.#read());
      });
    });
  }

  send(payload: Uint8Array): void {
    this.stream.write(encodeFrame(payload));
  }

  cancel(): void {
    this.stream.close(constants.NGHTTP2_CANCEL);
  }

  /** Resolves when so many messages have come; rejects when the stream closed before. */
  async received(count: number): Promise<void> {
    while (this.messages.length < count) {
      if (this.stream.destroyed) throw new Error(`closed after ${this.messages.length} of ${count} messages`);
      await new Promise<void>(resolve => this.#waiters.push(resolve));
    }
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  #read(): H2Reply {
    const carrier = this.#trailers.length > 0 ? this.#trailers : this.#headers;
    const code = field(carrier, 'grpc-status');
    const status = field(this.#headers, ':status');
    return {
      httpStatus: status === undefined ? undefined : Number(status),
      headers: this.#headers,
      trailers: this.#trailers,
      messages: this.messages,
      code: code === undefined ? undefined : Number(code),
      message: decodeGrpcMessage(field(carrier, 'grpc-message') ?? ''),
      reset: this.stream.rstCode,
    };
  }
}

/** Connects over TLS with ALPN h2 to 127.0.0.1 and resolves when the server's settings have arrived. */
export async function connectH2(options: H2ClientOptions): Promise<H2Client> {
  const socket = connectTls({
    host: '127.0.0.1',
    port: options.port,
    ca: options.ca,
    ...(options.certificate === undefined ? {} : { cert: options.certificate, key: options.key }),
    ...(options.tlsSession === undefined ? {} : { session: options.tlsSession }),
    ALPNProtocols: ['h2'],
  });
  // In a variable of its own: the types do not know that connect() passes these on to the session and its socket.
  const sessionOptions = {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: options.window ?? 2 * 1024 * 1024 },
    peerMaxConcurrentStreams: 2 ** 31,
    maxSessionMemory: 1000,
    strictSingleValueFields: false,
  };
  const session = connect('https://gateway.test', sessionOptions);
  await new Promise<void>((resolve, reject) => {
    session.once('error', reject);
    session.once('close', () => {
      reject(new Error('closed before the settings came'));
    });
    session.once('remoteSettings', () => {
      session.off('error', reject);
      resolve();
    });
  });
  session.on('error', () => undefined);
  return new H2Client(session, socket);
}

/** First value of a field in a raw list. */
export function field(raw: readonly string[], name: string): string | undefined {
  const at = raw.findIndex((text, index) => index % 2 === 0 && text === name);
  return at < 0 ? undefined : raw[at + 1];
}

/** All values of a field in a raw list. */
export function fields(raw: readonly string[], name: string): string[] {
  return raw.filter((_text, index) => index % 2 === 1 && raw[index - 1] === name);
}
