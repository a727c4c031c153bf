import { constants } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Peer } from '../core/authentication.ts';
import { systemClock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import { normalisePem, readPemBlocks } from '../core/pem.ts';

/** Certificate and key the clients see, and who may have issued theirs. PEM texts. */
export interface ListenerTls {
  readonly certificate: string;
  readonly key: string;
  /** CA bundle for client certificates; undefined: no client certificate is asked for. */
  readonly clientCa: string | undefined;
}

/** Options for both the server and a later exchange of its certificates. Throws GateError `bad-config`. */
export function secureOptions(tls: ListenerTls): {
  cert: string;
  key: string;
  ca: string[];
  minVersion: 'TLSv1.2';
  secureOptions: number;
} {
  const ca = tls.clientCa === undefined ? '' : normalisePem(tls.clientCa);
  if (tls.clientCa !== undefined && !readPemBlocks(ca).some(block => block.label === 'CERTIFICATE')) {
    throw new GateError('bad-config', 'the CA bundle for client certificates holds no certificate');
  }
  return {
    cert: tls.certificate,
    key: normalisePem(tls.key),
    // Never undefined: Node would then trust every public authority.
    ca: ca === '' ? [] : [ca],
    minVersion: 'TLSv1.2',
    // A resumed session counts as authorised even when no certificate was presented (nodejs/node issue 35317), so there
    // are no tickets; and a renegotiation could change the certificate after we have looked at it.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}

/** What the handshake proved about the other end. `verify` false: no CA was configured, so nothing can be proved. */
export function readPeer(socket: TLSSocket, verify: boolean): Peer {
  const certificate = socket.getPeerX509Certificate()?.raw;
  const presented = certificate !== undefined && certificate.length > 0;
  const chainVerified = verify && presented && socket.authorized && !socket.isSessionReused();
  const error = socket.authorizationError as Error | string | null | undefined;
  return {
    address: socket.remoteAddress ?? '',
    port: socket.remotePort ?? 0,
    connectedAt: systemClock.now(),
    certificate: presented ? certificate : undefined,
    chainVerified,
    chainError: presented && !chainVerified ? String(error ?? 'not verified') : undefined,
  };
}
