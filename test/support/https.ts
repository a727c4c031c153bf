import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import type { ClientSettings } from '../../src/cli/client.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  readonly body: unknown;
}

export interface HttpAsk {
  readonly method?: string;
  /** A list repeats the field. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** Text goes as it is, anything else as JSON. */
  readonly body?: unknown;
  /** Bearer token. */
  readonly token?: string;
  /** False: no client certificate. Default true. */
  readonly certificate?: boolean;
}

/** One request to the JSON API, with nothing done behind one's back. */
export function ask(settings: ClientSettings, path: string, options: HttpAsk = {}): Promise<HttpAnswer> {
  const { method = 'GET', body, token, certificate = true } = options;
  const payload = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const read = (file: string | undefined): Buffer | undefined => (file === undefined ? undefined : readFileSync(file));
  return new Promise((resolve, reject) => {
    const sent = request(
      new URL(path, settings.server),
      {
        method,
        ca: read(settings.ca),
        ...(certificate ? { cert: read(settings.certificate), key: read(settings.key) } : {}),
        headers: {
          ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...options.headers,
        },
        agent: false,
      },
      response => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: parseJson(text) });
        });
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(payload);
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
