import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { isIP } from 'node:net';
import {
  checkServerIdentity,
  connect as connectTls,
  type PeerCertificate,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { GateError } from '../core/gate-error.ts';
import type { Endpoint } from '../core/target.ts';
import type { Channel } from './channel.ts';
import type { UpstreamHeaders } from './metadata.ts';
import { SilenceWatch } from './silence.ts';

/** Flow-control windows, in bytes: a stream as wide as talosctl's own, the connection wide enough for several. */
const windows = { stream: 2 * 1024 * 1024, connection: 16 * 1024 * 1024 } as const;

/** Megabytes a connection may hold before Node refuses new streams on it; one large message must fit many times. */
const sessionMemoryMb = 1024;

/** TCP keepalive after so many idle milliseconds. HTTP/2 pings are not used: apid closes on frequent ones. */
const keepAliveMs = 10_000;

const unlimited = 2 ** 32 - 1;

const requestOptions = { endStream: false } as const;

/**
 * Dials a node and resolves when its HTTP/2 settings have arrived, so that a host which only accepts connections does
 * not count. The certificate must name one of the target's identities, whatever address was dialled. Rejects with
 * GateError `upstream-unavailable` after `timeoutMs` at most.
 */
export function dialNode(target: Endpoint, secureContext: SecureContext, timeoutMs: number): Promise<NodeSession> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      ...splitDial(target.dial),
      ...serverName(target.identities),
      secureContext,
      ALPNProtocols: ['h2'],
      rejectUnauthorized: true,
      checkServerIdentity: (_host, certificate) => checkIdentity(target.identities, certificate),
    });
    const session = connectHttp2('https://node', {
      createConnection: () => socket,
      settings: { initialWindowSize: windows.stream, enablePush: false },
      peerMaxConcurrentStreams: unlimited,
      maxSessionMemory: sessionMemoryMb,
      maxHeaderListPairs: 512,
    });
    let cause: unknown;
    const timer = setTimeout(() => {
      cause ??= Object.assign(new Error(`no HTTP/2 settings within ${timeoutMs} ms`), { code: 'ETIMEDOUT' });
      session.destroy();
      socket.destroy();
    }, timeoutMs);
    session.on('error', error => {
      cause ??= error;
    });
    session.once('close', () => {
      clearTimeout(timer);
      const message = `node ${target.node} cannot be reached${reason(cause)}`;
      reject(new GateError('upstream-unavailable', message, { cause }));
    });
    session.once('connect', () => {
      socket.setNoDelay(true);
      socket.setKeepAlive(true, keepAliveMs);
      session.setLocalWindowSize(windows.connection);
    });
    session.once('remoteSettings', () => {
      clearTimeout(timer);
      resolve(new NodeSession(target, session, socket));
    });
  });
}

/** One HTTP/2 connection to a node. */
export class NodeSession implements Channel {
  readonly cluster: string;
  readonly node: string;
  readonly session: ClientHttp2Session;
  readonly #socket: TLSSocket;
  readonly #silence = new SilenceWatch();
  #streams = 0;
  #retired = false;

  constructor(target: Endpoint, session: ClientHttp2Session, socket: TLSSocket) {
    this.cluster = target.cluster;
    this.node = target.node;
    this.session = session;
    this.#socket = socket;
  }

  get connection(): object {
    return this;
  }

  /** True when calls wait on it and nothing has come for so long that the node should be tried another way. */
  silent(now: number): boolean {
    const traffic = { received: this.#socket.bytesRead, sent: this.#socket.bytesWritten };
    return this.#silence.suspects(traffic, now) && this.#streams > 0;
  }

  /** Streams under way. */
  get streams(): number {
    return this.#streams;
  }

  /** True once it was retired, broke, or the node has sent GOAWAY. */
  get leaving(): boolean {
    return this.#retired || this.session.closed || this.session.destroyed;
  }

  /** True while new calls may be sent: not closing, not at the node's limit of concurrent streams. */
  get usable(): boolean {
    if (this.leaving) return false;
    return this.#streams < (this.session.remoteSettings.maxConcurrentStreams ?? unlimited);
  }

  open(headers: UpstreamHeaders, onClose: () => void): ClientHttp2Stream {
    if (this.session.closed || this.session.destroyed) {
      throw new GateError('upstream-unavailable', `node ${this.node}: the connection has just been closed`);
    }
    const stream = this.session.request(headers, requestOptions);
    this.#streams++;
    stream.on('close', () => {
      this.#streams--;
      onClose();
    });
    return stream;
  }

  /** No new calls; the connection ends with the last running one. */
  retire(): void {
    this.#retired = true;
    // Not at once: requests of this very tick are still queued, and nghttp2 drops them behind a GOAWAY.
    setImmediate(() => {
      if (!this.session.closed) this.session.close();
    });
  }

  destroy(): void {
    this.session.destroy();
  }
}

function splitDial(dial: string): { host: string; port: number } {
  const at = dial.lastIndexOf(':');
  const host = dial.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(dial.slice(at + 1)) };
}

/** SNI takes names only. Go servers ignore it, but a proxy on the way may route by it. */
function serverName(identities: readonly string[]): { servername?: string } {
  const name = identities.find(identity => isIP(identity) === 0);
  return name === undefined ? {} : { servername: name };
}

function checkIdentity(identities: readonly string[], certificate: PeerCertificate): Error | undefined {
  // Without alternative names Node would fall back to the common name, which says nothing about a node.
  if (certificate.subjectaltname === undefined) return new Error('the certificate names no host');
  if (identities.some(identity => checkServerIdentity(identity, certificate) === undefined)) return undefined;
  return Object.assign(new Error(`the certificate is for ${certificate.subjectaltname}`), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
}

/** OpenSSL's or the system's code says enough for a caller; the rest stays in the log. */
function reason(cause: unknown): string {
  const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined;
  return code === undefined ? '' : ` (${code})`;
}
