import {
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import type { Peer } from '../core/authentication.ts';
import type { Clock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import type { CallKind } from '../core/method.ts';
import type { RequestBody } from '../core/request-body.ts';
import type { ParsedHead } from '../core/request-head.ts';
import { type Connection, ConnectionTable } from './connection-table.ts';
import { defaultListenerLimits, type ListenerLimits } from './listener-limits.ts';
import { type ListenerTls, readPeer, secureOptions } from './listener-tls.ts';
import { createMemoryBudget } from './memory-budget.ts';
import { createRequestBody } from './request-body.ts';
import { parseRequestHead } from './request-head.ts';
import { type HttpRefusal, refuseHttp } from './respond.ts';

/** A gRPC call as it came in at the door, before anybody looked at who makes it. */
export interface IncomingCall {
  readonly stream: ServerHttp2Stream;
  readonly head: ParsedHead;
  readonly peer: Peer;
  /** The same object for all calls of one TLS connection and no other: a key for caches that die with it. */
  readonly connection: object;
  /** Clock.now() and Clock.monotonic() when the header block arrived. */
  readonly receivedAt: number;
  readonly receivedMonotonic: number;
  /** Starts reading; call it only for callers who have proved themselves, and once. */
  openBody(kind: CallKind): RequestBody;
}

/** What happens to connections, for logs and metrics. */
export type ListenerEvent =
  | { readonly kind: 'connected'; readonly peer: Peer }
  | { readonly kind: 'disconnected'; readonly peer: Peer; readonly calls: number; readonly cause: unknown }
  | { readonly kind: 'handshake-failed'; readonly address: string; readonly cause: unknown }
  /** Over the connection cap. */
  | { readonly kind: 'dropped'; readonly address: string }
  /** HTTP/2 but not gRPC; answered with this HTTP status. */
  | { readonly kind: 'not-grpc'; readonly peer: Peer; readonly status: number }
  /** The listening socket reported an error, for instance that no file descriptor was left to accept with. */
  | { readonly kind: 'listener-error'; readonly cause: unknown };

export interface ListenerOptions {
  /** `host:port`; IPv6 in brackets, port 0 for any. */
  readonly address: string;
  readonly tls: ListenerTls;
  readonly limits?: Partial<ListenerLimits> | undefined;
  readonly clock: Clock;
  /** Called for each gRPC call. Must not throw, and must end the stream in every case. */
  readonly onCall: (call: IncomingCall) => void;
  readonly onEvent?: ((event: ListenerEvent) => void) | undefined;
}

export interface Listener {
  readonly address: string;
  readonly port: number;
  /** Open TLS connections, and streams on them. */
  readonly connections: number;
  readonly streams: number;
  /**
   * Exchanges the certificates for new connections. When the client CA changes, present connections get no new calls.
   * Throws GateError `bad-config` and changes nothing when the material cannot be loaded.
   */
  setTls(tls: ListenerTls): void;
  /** Takes no new connections or calls, waits for running calls at most `graceMs`, then cuts what is left. */
  drain(graceMs: number): Promise<void>;
  /** Cuts everything. */
  close(): Promise<void>;
}

/** Opens the gRPC door. Rejects with GateError `bad-config` or the error of the socket. */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const { clock, onCall, onEvent = () => undefined } = options;
  const limits: ListenerLimits = { ...defaultListenerLimits, ...options.limits };
  const budget = createMemoryBudget(limits.requestMemory);
  const table = new ConnectionTable(limits, clock);
  const asksForCertificates = options.tls.clientCa !== undefined;
  let { clientCa } = options.tls;
  const server = createServer(options.tls, limits);

  // Runs before Node makes the session, which shows its socket only through a proxy that cannot close it.
  let socket: TLSSocket;
  server.prependListener('secureConnection', secured => {
    socket = secured;
  });
  server.on('session', session => {
    // Cannot happen with tickets off and no session store; if it ever does, nothing about the peer is certain.
    if (socket.isSessionReused()) {
      session.destroy();
      return;
    }
    const peer = readPeer(socket, asksForCertificates);
    const connection = table.add(session, socket, peer);
    let cause: unknown;
    session.on('error', error => {
      cause = error;
    });
    session.on('close', () => {
      table.remove(connection);
      onEvent({ kind: 'disconnected', peer, calls: connection.calls, cause });
    });
    onEvent({ kind: 'connected', peer });
  });

  const onStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: string[]): void => {
    // Errors of a stream are told by its closing; without a listener they would end the process.
    stream.on('error', ignore);
    // After a reset with NO_ERROR Node waits until what had come before was read, which may be never: the call waits for
    // an approval, or its node takes no more. Nobody wants it any longer. Not at once: Node is still closing the stream.
    stream.on('aborted', () => {
      process.nextTick(() => stream.destroy());
    });
    const connection = stream.session === undefined ? undefined : table.get(stream.session as ServerHttp2Session);
    if (connection === undefined) {
      stream.destroy();
      return;
    }
    table.opened(connection, stream);
    const status = httpRefusal(headers, raw, limits.maxHeaderBytes);
    if (status !== undefined) {
      onEvent({ kind: 'not-grpc', peer: connection.peer, status });
      refuseHttp(stream, status);
      return;
    }
    onCall(incomingCall(stream, raw, connection));
  };
  server.on('stream', onStream);

  function incomingCall(stream: ServerHttp2Stream, raw: readonly string[], connection: Connection): IncomingCall {
    const head = parseRequestHead(raw);
    return {
      stream,
      head,
      peer: connection.peer,
      connection,
      receivedAt: clock.now(),
      receivedMonotonic: clock.monotonic(),
      openBody: kind => {
        table.trust(connection);
        const encoding = head.ok ? head.encoding : undefined;
        return createRequestBody({ stream, kind, encoding, budget, readTimeoutMs: limits.messageMs });
      },
    };
  }

  server.on('tlsClientError', (cause, socket) => {
    onEvent({ kind: 'handshake-failed', address: socket.remoteAddress ?? '', cause });
  });
  server.on('drop', data => {
    onEvent({ kind: 'dropped', address: data?.remoteAddress ?? '' });
  });

  // Sockets in the middle of a handshake have no session yet.
  const sockets = new Set<Socket>();
  server.on('connection', connected => {
    sockets.add(connected);
    connected.once('close', () => sockets.delete(connected));
  });

  const bound = await listen(server, options.address);
  // Without a listener the error would end the process, and every call with it.
  server.on('error', cause => onEvent({ kind: 'listener-error', cause }));
  const closed = new Promise<void>(resolve => {
    server.once('close', resolve);
  });
  /** Ends everything; sockets get a moment to flush and are then cut, since some outlive their session. */
  const cut = async (): Promise<void> => {
    table.destroyAll();
    await Promise.race([closed, delay(flushMs, undefined, { ref: false })]);
    table.cutAll();
    for (const handshaking of sockets) handshaking.destroy();
    await closed;
  };
  return {
    address: bound.family === 'IPv6' ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`,
    port: bound.port,
    get connections() {
      return table.size;
    },
    get streams() {
      return table.streams;
    },
    setTls: tls => {
      if ((tls.clientCa !== undefined) !== asksForCertificates) {
        throw new GateError('bad-config', 'asking for client certificates can only be turned on or off by a restart');
      }
      loadTls(() => {
        server.setSecureContext(secureOptions(tls));
      });
      if (tls.clientCa !== clientCa) table.retireAll();
      clientCa = tls.clientCa;
    },
    drain: async graceMs => {
      server.close();
      table.retireAll();
      await Promise.race([closed, delay(graceMs, undefined, { ref: false })]);
      await cut();
    },
    close: async () => {
      server.close();
      await cut();
    },
  };
}

/** How long a closing socket may take to send what it has, milliseconds. */
const flushMs = 100;

function ignore(): void {
  // Nothing to do.
}

type Server = ReturnType<typeof createSecureServer>;

function createServer(tls: ListenerTls, limits: ListenerLimits): Server {
  return loadTls(() => {
    const server = createSecureServer({
      ...secureOptions(tls),
      ALPNProtocols: ['h2'],
      allowHTTP1: false,
      requestCert: tls.clientCa !== undefined,
      // JWT callers have no certificate; who called is decided for each stream.
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshakeMs,
      unknownProtocolTimeout: limits.unknownProtocolMs,
      maxSessionMemory: limits.maxSessionMemoryMb,
      maxHeaderListPairs: limits.maxHeaderFields,
      maxSettings: limits.maxSettings,
      maxSessionInvalidFrames: limits.maxInvalidFrames,
      maxSessionRejectedStreams: limits.maxRejectedStreams,
      streamResetBurst: limits.resetBurst,
      streamResetRate: limits.resetsPerSecond,
      // Replies of nodes are passed on as they are, repeated fields included.
      strictSingleValueFields: false,
      // When strict, nghttp2 drops a field with a blank at either end without a word, and `node: "worker-1 "` would
      // become a call without a node. request-head.ts refuses such values instead.
      strictFieldWhitespaceValidation: false,
      settings: {
        maxConcurrentStreams: limits.maxConcurrentStreams,
        maxHeaderListSize: limits.maxHeaderBytes,
        initialWindowSize: limits.strangerStreamWindow,
        enableConnectProtocol: false,
      },
    });
    server.maxConnections = limits.maxConnections;
    return server;
  });
}

function loadTls<T>(load: () => T): T {
  try {
    return load();
  } catch (cause) {
    if (cause instanceof GateError) throw cause;
    throw new GateError('bad-config', 'certificate or key of the gRPC listener cannot be loaded', { cause });
  }
}

/** PROTOCOL-HTTP2.md: gRPC is POST with a content type that begins with application/grpc; else 415. */
function httpRefusal(headers: IncomingHttpHeaders, raw: readonly string[], maxBytes: number): HttpRefusal | undefined {
  if (headerListSize(raw) > maxBytes) return 431;
  if (headers[':method'] !== 'POST') return 405;
  const type = headers['content-type'];
  if (type === 'application/grpc') return undefined;
  return type !== undefined && /^application\/grpc(\+proto)?\s*(;|$)/.test(type) ? undefined : 415;
}

/** RFC 9113 section 6.5.2. Node holds the limit only against peers that have acknowledged our settings. */
function headerListSize(raw: readonly string[]): number {
  let size = raw.length * 16;
  for (const text of raw) size += text.length;
  return size;
}

async function listen(server: Server, address: string): Promise<AddressInfo> {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  const port = Number(address.slice(at + 1));
  if (at < 1 || !Number.isInteger(port)) {
    throw new GateError('bad-config', `listener address ${address} is not of the form host:port`);
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return server.address() as AddressInfo;
}
