import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hash,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';

/**
 * The data key of one session as one holder can open it. `auditor`: X25519 with a key made for this session, HKDF-SHA256,
 * AES-256-GCM. `deployment`: AES-256-GCM under a key derived from the deployment's. Binary members are base64.
 */
export interface WrappedKey {
  readonly kind: 'auditor' | 'deployment';
  /** First 16 hex digits of the SHA-256 of the public key (SPKI, DER), or of the derived key. */
  readonly holder: string;
  /** The other half of the key agreement, raw; only for an auditor. */
  readonly ephemeral?: string;
  readonly nonce: string;
  /** 32 bytes of key and 16 of tag. */
  readonly wrapped: string;
}

/** Who can open recordings of this deployment. */
export interface KeyHolders {
  readonly auditors: readonly KeyObject[];
  /** Text of at least 32 characters; used only while there is no auditor. */
  readonly deployment: string;
}

/** Reads an auditor's public key, PEM. Throws Error with the reason when it is none. */
export function readAuditorKey(pem: string): KeyObject {
  if (pem.includes('PRIVATE KEY')) throw new Error('this is the private half, which belongs to the auditor alone');
  const key = createPublicKey(pem);
  if (key.asymmetricKeyType !== 'x25519') throw new Error(`${key.asymmetricKeyType ?? 'unknown'}, wanted x25519`);
  return key;
}

/** Makes a pair for an auditor, both PEM. */
export function makeAuditorKey(): { readonly publicKey: string; readonly privateKey: string } {
  return generateKeyPairSync('x25519', {
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

/** Wraps a data key for every auditor, or for the deployment when there is none. */
export function wrapKey(dataKey: Buffer, session: string, holders: KeyHolders, clock: Clock): readonly WrappedKey[] {
  if (holders.auditors.length === 0) {
    const key = deploymentKey(holders.deployment);
    return [{ kind: 'deployment', holder: holderOf(key), ...seal(key, dataKey, session, clock) }];
  }
  return holders.auditors.map(auditor => {
    const pair = generateKeyPairSync('x25519');
    const ephemeral = rawPublic(pair.publicKey);
    const key = agree(pair.privateKey, auditor, ephemeral, rawPublic(auditor));
    const sealed = seal(key, dataKey, session, clock);
    return { kind: 'auditor', holder: auditorId(auditor), ephemeral: ephemeral.toString('base64'), ...sealed };
  });
}

/** Opens with the deployment's key; undefined when it is none of the holders. Throws GateError `denied` when altered. */
export function unwrapWithDeployment(
  keys: readonly WrappedKey[],
  session: string,
  deployment: string,
): Buffer | undefined {
  const key = deploymentKey(deployment);
  const mine = keys.find(one => one.kind === 'deployment' && one.holder === holderOf(key));
  return mine === undefined ? undefined : open(key, mine, session);
}

/** Opens with an auditor's private key, PEM; undefined when it is none of the holders. */
export function unwrapWithAuditor(keys: readonly WrappedKey[], session: string, pem: string): Buffer | undefined {
  const own = createPrivateKey(pem);
  const ownPublic = createPublicKey(own);
  const mine = keys.find(one => one.kind === 'auditor' && one.holder === auditorId(ownPublic));
  if (mine?.ephemeral === undefined) return undefined;
  const ephemeral = Buffer.from(mine.ephemeral, 'base64');
  const other = createPublicKey({ key: Buffer.concat([spkiPrefix, ephemeral]), format: 'der', type: 'spki' });
  return open(agree(own, other, ephemeral, rawPublic(ownPublic)), mine, session);
}

/** What stands before the 32 bytes of an X25519 public key in SPKI, RFC 8410. */
const spkiPrefix = Buffer.from('302a300506032b656e032100', 'hex');

function auditorId(key: KeyObject): string {
  return holderOf(key.export({ type: 'spki', format: 'der' }));
}

function holderOf(key: Buffer): string {
  return hash('sha256', key, 'hex').slice(0, 16);
}

function rawPublic(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' }).subarray(spkiPrefix.length);
}

/** Both public keys go into the derivation, so that a wrapped key fits this pair and no other. */
function agree(own: KeyObject, other: KeyObject, ephemeral: Buffer, auditor: Buffer): Buffer {
  const secret = diffieHellman({ privateKey: own, publicKey: other });
  const info = 'talosgate session key for an auditor';
  return Buffer.from(hkdfSync('sha256', secret, Buffer.concat([ephemeral, auditor]), info, 32));
}

function deploymentKey(text: string): Buffer {
  return Buffer.from(hkdfSync('sha256', text, '', 'talosgate session key of the deployment', 32));
}

function seal(key: Buffer, dataKey: Buffer, session: string, clock: Clock): Pick<WrappedKey, 'nonce' | 'wrapped'> {
  const nonce = clock.random(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(session));
  const wrapped = Buffer.concat([cipher.update(dataKey), cipher.final(), cipher.getAuthTag()]);
  return { nonce: nonce.toString('base64'), wrapped: wrapped.toString('base64') };
}

function open(key: Buffer, { nonce, wrapped }: WrappedKey, session: string): Buffer {
  const bytes = Buffer.from(wrapped, 'base64');
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64'), { authTagLength: 16 })
      .setAAD(Buffer.from(session))
      .setAuthTag(bytes.subarray(-16));
    return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]);
  } catch (cause) {
    throw new GateError('denied', `the key of session ${session} was altered`, { cause });
  }
}
