import { connect, createServer, type Socket } from 'node:net';

/** A network between the gateway and Postgres that can fail. */
export interface TcpProxy {
  /** The same database through the proxy. */
  readonly url: string;
  /** Cuts all connections once `bytes` more have gone from the server to the client, in sum. */
  cutAfter(bytes: number): void;
  /** Passes nothing on and closes nothing until `heal`. New connections hang too. */
  blackHole(): void;
  /** Passes on what the client says, and nothing of what the server answers. */
  deafen(): void;
  heal(): void;
  /** Bytes from server to client since the start. */
  readonly answered: number;
  close(): Promise<void>;
}

export async function startTcpProxy(databaseUrl: string): Promise<TcpProxy> {
  const target = new URL(databaseUrl);
  const pairs = new Set<readonly [Socket, Socket]>();
  let left = Number.POSITIVE_INFINITY;
  let mode: 'open' | 'hole' | 'deaf' = 'open';
  let answered = 0;

  const cutAll = (): void => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
    pairs.clear();
  };
  const server = createServer(client => {
    const upstream = connect(Number(target.port), target.hostname);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    client.on('data', chunk => {
      if (mode !== 'hole') upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      if (mode !== 'open') return;
      answered += chunk.length;
      left -= chunk.length;
      if (left >= 0) {
        client.write(chunk);
        return;
      }
      // The answer is cut in its middle; the server has done its work all the same.
      const head = chunk.subarray(0, Math.max(0, chunk.length + left));
      left = Number.POSITIVE_INFINITY;
      client.write(head, () => cutAll());
    });
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        if (mode === 'open') for (const other of pair) other.destroy();
        pairs.delete(pair);
      });
    }
  });
  const { promise, resolve } = Promise.withResolvers<undefined>();
  server.listen(0, '127.0.0.1', () => resolve(undefined));
  await promise;
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  const url = new URL(databaseUrl);
  url.port = String(address.port);
  return {
    url: url.href,
    cutAfter: bytes => {
      left = bytes;
    },
    blackHole: () => {
      mode = 'hole';
    },
    deafen: () => {
      mode = 'deaf';
    },
    heal: () => {
      mode = 'open';
      cutAll();
    },
    get answered() {
      return answered;
    },
    close: async () => {
      cutAll();
      const closed = Promise.withResolvers<undefined>();
      server.close(() => closed.resolve(undefined));
      await closed.promise;
    },
  };
}
