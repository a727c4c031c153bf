import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An HTTP server on loopback that keeps what it is sent. */
export interface HttpReceiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** What the next requests are answered with; the last one stays. */
  answer(
    ...statuses: (number | { readonly status: number; readonly headers: Record<string, string> } | 'hang')[]
  ): void;
  close(): Promise<void>;
}

/** Starts one, with TLS where a certificate is given. */
export async function startHttpReceiver(tls?: { certificate: string; key: string }): Promise<HttpReceiver> {
  const received: Received[] = [];
  let answers: Parameters<HttpReceiver['answer']> = [204];
  const server = tls === undefined ? createServer() : createTlsServer({ cert: tls.certificate, key: tls.key });
  server.on('request', (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ headers: request.headers, body: Buffer.concat(chunks).toString('utf8') });
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      if (answer === 'hang' || answer === undefined) return;
      const { status, headers } = typeof answer === 'number' ? { status: answer, headers: {} } : answer;
      response.writeHead(status, headers).end('seen');
    });
  });
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    answer: (...statuses) => {
      answers = statuses;
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
