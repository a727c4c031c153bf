import { constants } from 'node:crypto';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { Clock } from '../core/clock.ts';
import { maxMessageBytes } from '../core/grpc.ts';
import type { CallLog, RecordedPeer } from './call-log.ts';
import { formatDial, parseListen, readPeer, SocketSet } from './connection.ts';
import { type ArrivalBook, createArrivalBook, definitionOf, implementationOf } from './grpc-adapter.ts';
import { simMethods } from './methods.ts';
import type { RawHeaderTap } from './raw-headers.ts';
import type { SimCall } from './sim-call.ts';

/** How often a node tries to get back the port that the system once chose for it. */
const returnTries = 50;

/** What a server needs to know. `serve` ends the call by returning or by throwing. */
export interface SimServerOptions {
  /** host:port; port 0 takes any and keeps it over restarts. */
  readonly listen: string;
  readonly tls: { readonly certificate: Buffer | string; readonly key: Buffer | string; readonly clientCa: string };
  readonly clock: Clock;
  readonly tap: RawHeaderTap;
  readonly log: CallLog;
  readonly serve: (call: SimCall) => Promise<void>;
}

/** The listening half of a simulated node: TLS as apid does it, gRPC by grpc-js, every stream recorded. */
export interface SimServer {
  /** Real host:port; stable from the first start on. */
  readonly dial: string;
  readonly listening: boolean;
  start(): Promise<void>;
  /** Stops listening and asks every client to go (GOAWAY); calls that run go on until `kill`. */
  leave(): void;
  /** Stops listening and drops every connection without a goodbye. */
  kill(): Promise<void>;
}

/** Makes a server that does not listen yet. */
export function createSimServer(options: SimServerOptions): SimServer {
  const { host, port } = parseListen(options.listen);
  const sockets = new SocketSet();
  let bound = port;
  let running: { readonly front: NetServer; readonly grpc: Server; closed?: Promise<void> } | undefined;
  const kill = async (): Promise<void> => {
    if (running === undefined) return;
    const { front, grpc, closed = close(front) } = running;
    running = undefined;
    sockets.destroyAll();
    grpc.forceShutdown();
    await closed;
  };
  return {
    get dial() {
      return formatDial(host, bound);
    },
    get listening() {
      return running !== undefined && running.closed === undefined;
    },
    async start() {
      if (running?.closed !== undefined) await kill();
      if (running !== undefined) return;
      const arrivals = createArrivalBook(options.log, options.clock);
      const grpc = createGrpcServer(options, arrivals);
      const front = createFront(options, grpc, arrivals, sockets);
      running = { front, grpc };
      try {
        await listen(front, host, bound, bound === port ? 0 : returnTries);
      } catch (error) {
        running = undefined;
        grpc.forceShutdown();
        throw error;
      }
      bound = (front.address() as AddressInfo).port;
    },
    leave() {
      if (running === undefined || running.closed !== undefined) return;
      running.closed = close(running.front);
      // Ends with the last call or with `kill`, which is what the caller waits for.
      running.grpc.tryShutdown(() => undefined);
    },
    kill,
  };
}

/** Resolves when nothing listens and no connection is left. */
function close(front: NetServer): Promise<void> {
  return new Promise(resolve => {
    front.close(() => {
      resolve();
    });
  });
}

function createGrpcServer(options: SimServerOptions, arrivals: ArrivalBook): Server {
  const grpc = new Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': -1,
    'grpc-node.flow_control_window': 2 * 1024 * 1024,
    'grpc.enable_channelz': 0,
  });
  const definition = Object.fromEntries(simMethods.map(method => [method.path, definitionOf(method)]));
  const implementation = Object.fromEntries(
    simMethods.map(method => [method.path, implementationOf(method, arrivals, options.serve)]),
  );
  grpc.addService(definition, implementation);
  return grpc;
}

/**
 * TLS ends here and not in grpc-js, because apid's rule on key usages needs the whole chain and because a killed node
 * must drop its sockets at once. grpc-js gets the decrypted connection.
 */
function createFront(options: SimServerOptions, grpc: Server, arrivals: ArrivalBook, sockets: SocketSet): NetServer {
  const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
  const front = createServer({
    cert: options.tls.certificate,
    key: relabel(options.tls.key),
    ca: options.tls.clientCa,
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ['h2'],
    minVersion: 'TLSv1.2',
    // apid has session tickets off too.
    secureOptions: constants.SSL_OP_NO_TICKET,
    noDelay: true,
  });
  front.on('connection', socket => {
    sockets.add(socket);
  });
  front.on('secureConnection', (socket: TLSSocket) => {
    sockets.add(socket);
    // A peer may vanish at any moment; HTTP/2 reports the loss to the streams.
    socket.on('error', () => socket.destroy());
    const peer: RecordedPeer | undefined = readPeer(socket);
    if (peer === undefined) {
      socket.destroy();
      return;
    }
    options.tap.watch(socket, {
      stream: (stream, headers, raw) => {
        arrivals.arrive(peer, stream, headers, raw);
      },
      ping: () => {
        options.log.ping();
      },
    });
    injector.injectConnection(socket);
  });
  return front;
}

/** Talos labels Ed25519 keys in a way that Node does not know (talos.md 2.3); the content is PKCS#8. */
function relabel(key: Buffer | string): string {
  return key.toString().replaceAll('ED25519 PRIVATE KEY', 'PRIVATE KEY');
}

/** Tries again while somebody else holds the port: that happens to ports that the system chose, during a reboot. */
async function listen(server: NetServer, host: string, port: number, tries: number): Promise<void> {
  for (let left = tries; ; left -= 1) {
    try {
      await listenOnce(server, host, port);
      return;
    } catch (error) {
      if (left <= 0 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      await new Promise(resolve => setTimeout(resolve, 100));
    }
  }
}

function listenOnce(server: NetServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      server.removeListener('listening', onListening);
      reject(error);
    };
    const onListening = (): void => {
      server.removeListener('error', onError);
      resolve();
    };
    server.once('error', onError);
    server.once('listening', onListening);
    server.listen({ host, port, backlog: 4096 });
  });
}
