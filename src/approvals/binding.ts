import { createHash } from 'node:crypto';

/** A call as an approval sees it: who, where, what, and the exact bytes that would be forwarded. */
export interface BoundCall {
  readonly requester: string;
  readonly cluster: string;
  readonly node: string;
  /** Full gRPC path. */
  readonly method: string;
  /**
   * Canonical encoding of the request as the catalog made it: for a debug container its spec. Two requests that mean the
   * same must encode the same, map entries included.
   */
  readonly canonical: Uint8Array;
}

export interface Binding {
  /** What an approval is bound to and found by: SHA-256, hex. */
  readonly binding: string;
  /** SHA-256 over the canonical request alone, hex, as the audit log shows it. */
  readonly requestDigest: string;
}

/**
 * Names a call by its content. Any difference in any part gives another binding and so needs another approval. The
 * bytes hashed are the canonical JSON (RFC 8785: keys sorted, no white space) of the five parts.
 */
export function bindCall(call: BoundCall): Binding {
  const requestDigest = createHash('sha256').update(call.canonical).digest('hex');
  // Keys in the order RFC 8785 sorts them; all values are strings, for which JSON.stringify is canonical.
  const canonicalJson = JSON.stringify({
    cluster: call.cluster,
    method: call.method,
    node: call.node,
    request: requestDigest,
    requester: call.requester,
  });
  return { binding: createHash('sha256').update(canonicalJson).digest('hex'), requestDigest };
}
