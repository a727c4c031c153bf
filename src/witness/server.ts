import { hash } from 'node:crypto';
import { createServer as createPlain, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../core/clock.ts';
import type { Signer, Verifier } from '../tlog/note.ts';
import { addCheckpoint, type WitnessReply } from './add-checkpoint.ts';
import { openWitnessState } from './state.ts';

export interface WitnessOptions {
  readonly host: string;
  readonly port: number;
  /** PEM texts; undefined: plain HTTP, which gateways take on loopback only, because refusals are not signed. */
  readonly tls?: { readonly certificate: string; readonly key: string } | undefined;
  readonly signer: Signer;
  /** Logs that are witnessed, by origin and key. */
  readonly logs: readonly Verifier[];
  /** File with what was cosigned; the witness's memory, and all that it is worth. */
  readonly stateFile: string;
  readonly clock: Clock;
  /** Told of each answer: status, and nothing of the log but its size. */
  readonly onAnswer?: ((status: number, what: string) => void) | undefined;
}

export interface WitnessServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Largest request that is read, in bytes: 63 hashes and a checkpoint with its signatures. */
const maxRequest = 64 * 1024;

/** Runs a witness (C2SP tlog-witness): add-checkpoint, and the newest cosigned checkpoint of each log to look at. */
export async function startWitness(options: WitnessOptions): Promise<WitnessServer> {
  const { signer, logs, clock } = options;
  const state = await openWitnessState(options.stateFile);
  const byHash = new Map(logs.map(({ name }) => [hash('sha256', name), name]));

  const answer = async (request: IncomingMessage): Promise<WitnessReply | undefined> => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    if (request.method === 'POST' && path === '/add-checkpoint') {
      const body = await readBody(request);
      return body === undefined ? undefined : await addCheckpoint(body, { logs, signer, state, clock });
    }
    const origin = byHash.get(/^\/([0-9a-f]{64})\/checkpoint$/.exec(path)?.[1] ?? '');
    const note = request.method === 'GET' && origin !== undefined ? state.note(origin) : undefined;
    if (note === undefined) return { status: 404, type: 'text/plain; charset=utf-8', body: 'not found\n' };
    return { status: 200, type: 'text/plain; charset=utf-8', body: note };
  };

  const listener: RequestListener = (request, response) => {
    answer(request).then(
      reply => {
        if (reply === undefined) {
          response.writeHead(413, { connection: 'close' }).end();
          return;
        }
        response.writeHead(reply.status, { 'content-type': reply.type }).end(reply.body);
        options.onAnswer?.(reply.status, `${request.method ?? ''} ${(request.url ?? '').slice(0, 100)}`);
      },
      (cause: unknown) => {
        response.writeHead(500, { connection: 'close' }).end();
        options.onAnswer?.(500, cause instanceof Error ? cause.message : 'failed');
      },
    );
  };
  const limits = { requestTimeout: 10_000, headersTimeout: 5_000, keepAliveTimeout: 30_000, maxHeaderSize: 8_192 };
  const server: Server =
    options.tls === undefined
      ? createPlain(limits, listener)
      : createSecure({ ...limits, cert: options.tls.certificate, key: options.tls.key }, listener);
  server.maxConnections = 256;
  await listen(server, options.host, options.port);
  const { address, port } = server.address() as AddressInfo;
  return {
    host: address,
    port,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Undefined when it is too long. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxRequest) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
