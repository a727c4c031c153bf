import { Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import type { TlsMaterials } from '../materials.ts';
import { away, type Delivery, delivered } from '../sink.ts';

/** A receiver over HTTP: one address, connections kept for the next batch. */
export interface Poster {
  /** Sends one body. `accept` judges the answer to a 2xx, which was read up to 64 KiB. */
  post(
    body: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
    accept?: (answer: string) => Delivery,
  ): Promise<Delivery>;
  close(): void;
}

const mostAnswer = 64 * 1024;
/**
 * The receiver has looked at the batch and will say the same again. Everything else that is not 2xx may pass: a missing path, a
 * credential that was withdrawn or a redirect are mended at the receiver or in the settings, and lose nothing meanwhile.
 */
const refusals = new Set([400, 413, 415, 422]);

/** Never follows a redirect: records go where the settings say and nowhere else. */
export function createPoster(url: string, tls: TlsMaterials, timeoutMs: number): Poster {
  const target = new URL(url);
  const secure = target.protocol === 'https:';
  const agent = secure ? new TlsAgent({ keepAlive: true, maxSockets: 1, ...tls }) : new PlainAgent({ keepAlive: true });
  const send = secure ? tlsRequest : plainRequest;
  return {
    post: (body, headers, signal, accept = () => delivered) => {
      const within = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      return new Promise<Delivery>(resolve => {
        const fail = (thrown: unknown): void =>
          resolve(away(within.aborted && !signal.aborted ? new Error(`no answer within ${timeoutMs} ms`) : thrown));
        const sent = send(
          target,
          {
            method: 'POST',
            agent,
            signal: within,
            headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
          },
          answer => {
            let text = '';
            answer.setEncoding('utf8');
            answer.on('data', (chunk: string) => {
              if (text.length < mostAnswer) text += chunk;
            });
            answer.on('error', fail);
            answer.on('end', () => {
              const status = answer.statusCode ?? 0;
              if (status >= 200 && status < 300) resolve(accept(text));
              else resolve(refusal(status, answer.headers['retry-after']));
            });
          },
        );
        sent.on('error', fail);
        sent.end(body);
      });
    },
    close: () => agent.destroy(),
  };
}

function refusal(status: number, retryAfter: string | undefined): Delivery {
  const seconds = /^\d{1,5}$/.test(retryAfter ?? '') ? Number(retryAfter) : undefined;
  return {
    ok: false,
    failure: refusals.has(status) ? 'refused' : 'away',
    why: `the receiver answered ${status}`,
    retryAfterMs: seconds === undefined ? undefined : seconds * 1000,
  };
}
