import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A wire to a database that can be cut and mended, to see what an outage does. */
export interface DatabaseWire {
  /** The given URL, led through the wire. */
  readonly url: string;
  /** Breaks every connection and refuses new ones. */
  cut(): void;
  /** Passes nothing on and closes nothing, for old connections and for new ones. */
  swallow(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function openDatabaseWire(databaseUrl: string): Promise<DatabaseWire> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let whole = true;
  let swallowing = false;
  const server: Server = createServer(near => {
    if (!whole) return void near.destroy();
    const far = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.on('data', (chunk: Buffer) => {
        if (!swallowing) other.write(chunk);
      });
    }
    return undefined;
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    whole = false;
    for (const socket of sockets) socket.destroy();
  };
  target.hostname = '127.0.0.1';
  const port = (server.address() as AddressInfo).port;
  const through = new URL(target.href);
  through.port = String(port);
  return {
    url: through.href,
    cut,
    swallow: () => {
      swallowing = true;
    },
    mend: () => {
      // What was swallowed is missing on both ends: such a connection is good for nothing.
      if (swallowing) for (const socket of sockets) socket.destroy();
      swallowing = false;
      whole = true;
    },
    close: async () => {
      cut();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
