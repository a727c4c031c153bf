import {
  createSecureServer,
  type Http2SecureServer,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** A call as it arrived at the test's node. */
export interface NodeCallSeen {
  readonly stream: ServerHttp2Stream;
  /** Raw list: name, value, name, value. */
  readonly headers: readonly string[];
  readonly path: string;
}

export interface H2NodeOptions {
  readonly certificate: string;
  readonly key: string;
  /** CA of the gateway's client certificate; certificates are required when it is given. */
  readonly clientCa?: string | undefined;
  readonly port?: number;
  readonly maxConcurrentStreams?: number;
}

/**
 * A node that does exactly what a test tells it to, frame by frame. It stands in only for what no proper gRPC server
 * can be made to do; everything else is tested against @grpc/grpc-js.
 */
export class H2Node {
  readonly server: Http2SecureServer;
  readonly sessions = new Set<ServerHttp2Session>();
  readonly sockets = new Set<TLSSocket>();
  readonly calls: NodeCallSeen[] = [];
  /** Connections accepted so far. */
  connections = 0;

  constructor(server: Http2SecureServer) {
    this.server = server;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Drops every connection without a word, as a crash does, and stops listening. */
  async kill(): Promise<void> {
    const closed = new Promise(resolve => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    for (const session of this.sessions) session.destroy();
    await closed;
  }
}

export async function startH2Node(options: H2NodeOptions, onCall: (call: NodeCallSeen) => void): Promise<H2Node> {
  const server = createSecureServer({
    cert: options.certificate,
    key: options.key,
    ...(options.clientCa === undefined ? {} : { ca: options.clientCa, requestCert: true, rejectUnauthorized: true }),
    settings: {
      initialWindowSize: 2 * 1024 * 1024,
      ...(options.maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams: options.maxConcurrentStreams }),
    },
    maxSessionMemory: 1000,
  });
  const node = new H2Node(server);
  server.on('secureConnection', socket => {
    node.connections++;
    node.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => node.sockets.delete(socket));
  });
  server.on('session', session => {
    node.sessions.add(session);
    session.on('error', () => undefined);
    session.on('close', () => node.sessions.delete(session));
  });
  (server as NodeJS.EventEmitter).on(
    'stream',
    (stream: ServerHttp2Stream, headers: { ':path'?: string }, _flags: number, raw: string[]) => {
      stream.on('error', () => undefined);
      const call = { stream, headers: raw, path: headers[':path'] ?? '' };
      node.calls.push(call);
      onCall(call);
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return node;
}
