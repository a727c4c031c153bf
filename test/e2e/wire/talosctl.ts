import { setTimeout as sleep } from 'node:timers/promises';
import { encodeFrame } from '../../../src/core/grpc-frame.ts';
import { resetStream } from '../../../src/upstream/reset.ts';
import { connectH2, type H2Call, type H2Client, type H2ClientOptions, type H2Reply } from '../../support/h2-client.ts';
import type { Sample } from './sample.ts';

/** Windows of talosctl, bytes (talos pkg/machinery/client/connection.go). The connection's is the smaller one. */
const windows = { stream: 65_535 * 32, connection: 65_535 * 16 } as const;

/** A call that has neither ended nor given what was wanted of it after so long is broken. */
const patienceMs = 8_000;

/** After what was wanted of an endless reply, so long is waited for what should not come. */
const surplusMs = 12;

/** How a client says which nodes it means: `nodes` up to talosctl 1.13, `node` since, neither for the endpoint itself. */
export interface Addressing {
  readonly node?: string;
  readonly nodes?: readonly string[];
}

export interface SendOptions {
  /** Value of `authorization`. */
  readonly authorization?: string | undefined;
  /** Messages after which the caller leaves. */
  readonly take?: number | undefined;
  readonly context: string;
}

export interface Exchange extends H2Reply {
  /** From the first byte sent to the status, milliseconds. */
  readonly milliseconds: number;
  /** True when it was the caller who ended it. */
  readonly left: boolean;
}

/** Speaks HTTP/2 as the grpc-go of a stock talosctl does, and shows everything that comes back. */
export class Talosctl {
  readonly #options: H2ClientOptions;
  #client: H2Client | undefined;

  constructor(options: H2ClientOptions) {
    this.#options = options;
  }

  async send(sample: Sample, to: Addressing, options: SendOptions): Promise<Exchange> {
    const client = await this.#connected();
    const started = performance.now();
    const call = client.start(sample.path, headersOf(sample.path, to, options));
    const timer = setTimeout(leave, patienceMs, call);
    sample.requests.forEach((request, index) => {
      const frame = encodeFrame(request);
      // Like grpc-go: the last message of a caller who has no more to say carries END_STREAM.
      if (sample.halfCloses && index === sample.requests.length - 1) call.stream.end(frame);
      else call.stream.write(frame);
    });
    let left = false;
    if (options.take !== undefined) {
      // A reply that ends before has its own end.
      left = await call.received(options.take).then(
        () => true,
        () => false,
      );
      if (left) {
        await sleep(surplusMs);
        leave(call);
      }
    }
    const reply = await call.reply;
    clearTimeout(timer);
    return { ...reply, milliseconds: performance.now() - started, left };
  }

  async close(): Promise<void> {
    await this.#client?.close();
  }

  /** One connection for all calls; another one when the server has gone and come back. */
  async #connected(): Promise<H2Client> {
    if (this.#client === undefined || this.#client.session.destroyed) {
      this.#client = await connectH2({ ...this.#options, window: windows.stream });
      this.#client.session.setLocalWindowSize(windows.connection);
    }
    return this.#client;
  }
}

/** RST_STREAM and nothing before it, as grpc-go does; `stream.close()` would half-close first. */
function leave(call: H2Call): void {
  resetStream(call.stream);
}

/** Fields in grpc-go's order (internal/transport/http2_client.go), then talosctl's metadata. */
function headersOf(path: string, to: Addressing, options: SendOptions): (readonly [string, string])[] {
  const fields: (readonly [string, string])[] = [
    [':method', 'POST'],
    [':scheme', 'https'],
    [':path', path],
    [':authority', 'gateway.example:50000'],
    ['content-type', 'application/grpc'],
    ['user-agent', 'grpc-go/1.83.0'],
    ['te', 'trailers'],
    ['grpc-accept-encoding', 'gzip'],
  ];
  if (options.authorization !== undefined) fields.push(['authorization', options.authorization]);
  fields.push(['runtime', 'Talos'], ['context', options.context]);
  if (to.node !== undefined) fields.push(['node', to.node]);
  for (const node of to.nodes ?? []) fields.push(['nodes', node]);
  return fields;
}
