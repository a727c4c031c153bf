import type { Socket } from 'node:net';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import type { RecordedPeer } from './call-log.ts';
import { hasOnlyClientUsage, organizationsOf } from './roles.ts';

/**
 * Who stands behind a TLS connection, or undefined when the node would not talk to them. TLS has verified the chain
 * already; this adds apid's own rule about key usages.
 */
export function readPeer(socket: TLSSocket): RecordedPeer | undefined {
  const leaf = socket.getPeerCertificate(true);
  if (!socket.authorized || Object.keys(leaf).length === 0) return undefined;
  if (!hasOnlyClientUsage(leaf)) return undefined;
  return { commonName: commonNameOf(leaf), organizations: organizationsOf(leaf), fingerprint: leaf.fingerprint256 };
}

/** Splits `host:port`; IPv6 hosts stand in brackets. Throws on anything else. */
export function parseListen(listen: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(listen);
  if (match === null) throw new Error(`"${listen}" is not host:port`);
  return { host: match[1] ?? match[2] ?? '', port: Number(match[3]) };
}

/** Writes host and port so that a client can dial them. */
export function formatDial(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Open sockets of a listener, so that a node can die without a goodbye. */
export class SocketSet {
  readonly #sockets = new Set<Socket>();

  add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /** Every connection is gone when this returns; nothing more is sent. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }
}

function commonNameOf(certificate: DetailedPeerCertificate): string {
  const value = certificate.subject.CN;
  return Array.isArray(value) ? value.join(', ') : (value ?? '');
}
