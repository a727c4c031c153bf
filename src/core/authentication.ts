import type { Principal } from './principal.ts';

/** What the listener knows about the other end of a connection. Filled once per TLS connection. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  /** Leaf certificate the client presented, DER; undefined when it presented none. */
  readonly certificate: Buffer | undefined;
  /** True only when TLS verified the presented chain against the client CA bundle in this very handshake. */
  readonly chainVerified: boolean;
  /** When the handshake was, milliseconds since the epoch; undefined where nobody took it down. */
  readonly connectedAt?: number | undefined;
  /** OpenSSL's reason when a certificate was presented and not verified. */
  readonly chainError: string | undefined;
}

/**
 * When a caller last proved who they are, milliseconds since the epoch: the handshake of their connection, and where a
 * token was shown its own time of issue or of log-in, whichever is oldest. Undefined when it cannot be said.
 */
export function provenAt(principal: Principal, peer: Peer): number | undefined {
  const { connectedAt } = peer;
  if (connectedAt === undefined) return undefined;
  if (principal.proofs.every(proof => proof.kind === 'mtls')) return connectedAt;
  return principal.tokenSince === undefined ? undefined : Math.min(connectedAt, principal.tokenSince);
}

/** Everything a caller can prove themselves with. */
export interface Credentials {
  readonly peer: Peer;
  /** Value of the only `authorization` header, or undefined. The door refuses repeated ones before this. */
  readonly authorization: string | undefined;
}

export const authenticationFailures = [
  'no-credential',
  'bad-certificate',
  'bad-token',
  'expired',
  'identities-differ',
  'provider-unavailable',
] as const;
export type AuthenticationFailure = (typeof authenticationFailures)[number];

/** `message` is safe to show: it never repeats credential text. `claimed` is who they said they are, unproven. */
export type Authentication =
  | { readonly ok: true; readonly principal: Principal }
  | {
      readonly ok: false;
      readonly reason: AuthenticationFailure;
      readonly message: string;
      readonly claimed: string | undefined;
    };

/** Proves who calls. Never throws; an internal failure is a refusal. */
export interface Identity {
  authenticate(credentials: Credentials): Promise<Authentication>;
  close(): Promise<void>;
}
