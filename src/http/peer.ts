import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Peer } from '../core/authentication.ts';
import { systemClock } from '../core/clock.ts';

/**
 * Peers of live TLS connections. Read once, right after the handshake that verified the chain: whatever a connection
 * says about itself later (renegotiation) must not change who is at its other end.
 */
const peers = new WeakMap<object, Peer>();

/** Takes down who is at the other end of a new TLS connection. */
export function rememberPeer(socket: TLSSocket): void {
  peers.set(socket, readPeer(socket));
}

/** Who is at the other end of a request; without certificate on a connection without TLS. */
export function peerOf(request: IncomingMessage): Peer {
  const { socket } = request;
  const known = peers.get(socket);
  if (known !== undefined) return known;
  const { remoteAddress = '', remotePort = 0 } = socket;
  return {
    address: remoteAddress,
    port: remotePort,
    certificate: undefined,
    chainVerified: false,
    chainError: undefined,
  };
}

/** A resumed session never counts as verified: Node marks it authorized without a certificate (nodejs/node 35317). */
function readPeer(socket: TLSSocket): Peer {
  const base = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0, connectedAt: systemClock.now() };
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return { ...base, certificate: undefined, chainVerified: false, chainError: undefined };
  const verified = socket.authorized && !socket.isSessionReused();
  const error: unknown = socket.authorizationError;
  return {
    ...base,
    certificate: leaf.raw,
    chainVerified: verified,
    chainError: verified ? undefined : error instanceof Error ? error.message : String(error),
  };
}
