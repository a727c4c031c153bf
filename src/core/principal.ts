/** How a caller proved who they are. Never holds secret material. */
export type Proof =
  | {
      readonly kind: 'mtls';
      /** SHA-256 over the certificate's SubjectPublicKeyInfo, hex. */
      readonly fingerprint: string;
      readonly serial: string;
      readonly issuer: string;
    }
  | {
      readonly kind: 'jwt';
      readonly issuer: string;
      readonly subject: string;
      readonly audience: readonly string[];
      readonly tokenId: string | undefined;
      readonly keyId: string | undefined;
      readonly algorithm: string;
      /** SHA-256 over the token text, hex; identifies the credential without being one. */
      readonly fingerprint: string;
    };

/** How requests and votes name a caller. A machine and a person may share an id; what is of the one is not of the other. */
export function callerName(principal: Pick<Principal, 'id' | 'kind'>): string {
  return principal.kind === 'machine' ? `machine:${principal.id}` : principal.id;
}

/** Who calls, after proof. */
export interface Principal {
  /** Stable name that policy, approvals and audit use: `alice@example.com`, `ci-deploy`. */
  readonly id: string;
  readonly kind: 'person' | 'machine';
  /** Groups as the credential states them. Roles are policy's business. */
  readonly groups: readonly string[];
  readonly proofs: readonly Proof[];
  /** Milliseconds since the epoch after which the credential no longer counts. */
  readonly validUntil: number;
  /** When the token was issued, or its holder logged in, whichever is older; undefined without a token. Milliseconds. */
  readonly tokenSince?: number | undefined;
}
