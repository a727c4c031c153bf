import { createHash, createPublicKey, verify, X509Certificate } from 'node:crypto';
import type { VoteSignature } from '../core/approval.ts';
import { type DecisionStatement, decisionBytes } from '../core/decision-statement.ts';

/** A signature as it arrives, and the certificate that the connection proved. */
export interface GivenSignature {
  /** Base64. */
  readonly value: string;
  /** DER; its chain and the possession of its key were verified by TLS. Undefined when the voter showed none. */
  readonly certificate: Uint8Array | undefined;
}

/**
 * Says whether the signature over the statement was made with the key of the certificate: Ed25519 and Ed448 as they are,
 * ECDSA (DER form) and RSA (PKCS #1 v1.5) over SHA-256. Gives what is kept of it, or undefined when it does not verify.
 */
export function checkSignature(statement: DecisionStatement, given: GivenSignature): VoteSignature | undefined {
  if (given.certificate === undefined) return undefined;
  const key = new X509Certificate(given.certificate).publicKey.export({ type: 'spki', format: 'der' });
  const publicKey = key.toString('base64');
  if (!verifies(statement, { value: given.value, publicKey })) return undefined;
  return { value: given.value, publicKey, fingerprint: createHash('sha256').update(key).digest('hex') };
}

/** Checks a signature again from what was kept of it. */
export function verifies(statement: DecisionStatement, kept: Pick<VoteSignature, 'value' | 'publicKey'>): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(kept.publicKey, 'base64'), format: 'der', type: 'spki' });
    const algorithm = key.asymmetricKeyType?.startsWith('ed') === true ? null : 'sha256';
    return verify(algorithm, decisionBytes(statement), key, Buffer.from(kept.value, 'base64'));
  } catch {
    return false;
  }
}
