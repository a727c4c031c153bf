import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';

/** Signature types of C2SP signed-note: `note` is Ed25519 over the text, `cosignature` the one with a time. */
export const signatureTypes = { note: 0x01, cosignature: 0x04 } as const;
export type SignatureType = keyof typeof signatureTypes;

/** A public key with the name that it signs under. */
export interface Verifier {
  readonly name: string;
  readonly type: SignatureType;
  /** First four bytes of SHA-256(name || newline || type || key), hex. */
  readonly keyId: string;
  readonly publicKey: KeyObject;
  /** `name+keyid+base64(type || key)`, how verifiers are written down. */
  readonly vkey: string;
}

/** A private key with its public side. */
export interface Signer {
  readonly verifier: Verifier;
  /** Ed25519 over the bytes. */
  readonly sign: (message: Buffer) => Buffer;
}

/** One signature line: who says to have signed, and the bytes behind the key id. */
export interface NoteSignature {
  readonly name: string;
  readonly keyId: string;
  readonly bytes: Buffer;
}

/** A text with signatures, not verified yet. */
export interface Note {
  /** Ends in a newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

const dash = '\u2014';
/** Most signatures that a note is read with. */
const maxSignatures = 64;

/** Key names hold no white space and no plus sign (C2SP signed-note). */
function isKeyName(name: string): boolean {
  return name !== '' && !/[\s+\p{Cc}]/u.test(name);
}

/** A new Ed25519 private key, PEM (PKCS #8). */
export function generateKey(): string {
  return generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  }).privateKey;
}

/** Reads a private key from PEM. Throws Error in words for people when it is not Ed25519, or the name is no key name. */
export function createSigner(name: string, pem: string, type: SignatureType): Signer {
  if (!isKeyName(name)) throw new Error(`"${name}" cannot name a key: it is empty or holds a blank or plus sign`);
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw new Error('this is not a private key in PEM', { cause });
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('this is not an Ed25519 key');
  const verifier = createVerifier(name, createPublicKey(key), type);
  return { verifier, sign: message => sign(null, message, key) };
}

/** Reads a verifier key. Throws Error in words for people. */
export function parseVerifier(vkey: string): Verifier {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(vkey.trim());
  const bytes = Buffer.from(match?.[3] ?? '', 'base64');
  const type = bytes[0] === signatureTypes.note ? 'note' : bytes[0] === signatureTypes.cosignature ? 'cosignature' : '';
  if (match === null || type === '' || bytes.length !== 33) {
    throw new Error('this is not an Ed25519 verifier key of the form name+keyid+base64');
  }
  const x = bytes.subarray(1).toString('base64url');
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  const verifier = createVerifier(match[1] ?? '', publicKey, type);
  if (verifier.keyId !== match[2])
    throw new Error('the key id in this verifier key does not belong to its name and key');
  return verifier;
}

function createVerifier(name: string, publicKey: KeyObject, type: SignatureType): Verifier {
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  const material = Buffer.concat([Buffer.of(signatureTypes[type]), raw]);
  const keyId = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), material]), 'buffer').toString('hex', 0, 4);
  return { name, type, keyId, publicKey, vkey: `${name}+${keyId}+${material.toString('base64')}` };
}

/** The signature line of a note, with its newline. */
export function signatureLine({ name, keyId }: Pick<Verifier, 'name' | 'keyId'>, bytes: Buffer): string {
  return `${dash} ${name} ${Buffer.concat([Buffer.from(keyId, 'hex'), bytes]).toString('base64')}\n`;
}

/** Signs a text, which must end in a newline, and gives the whole note. */
export function signNote(text: string, signer: Signer): string {
  return `${text}\n${signatureLine(signer.verifier, signer.sign(Buffer.from(text)))}`;
}

/** Reads a note without judging it. Throws Error when it is malformed. */
export function parseNote(note: string): Note {
  if (/[\u0000-\u0009\u000b-\u001f\ufffd]/.test(note))
    throw new Error('the note holds characters that no note may have');
  const cut = note.lastIndexOf('\n\n');
  if (cut < 0 || !note.endsWith('\n')) throw new Error('the note has no signatures');
  return { text: note.slice(0, cut + 1), signatures: parseSignatureLines(note.slice(cut + 2)) };
}

/** Reads signature lines, as stand below a note or come from a witness. Throws Error when they are malformed. */
export function parseSignatureLines(lines: string): NoteSignature[] {
  if (lines === '' || !lines.endsWith('\n')) throw new Error('there is no signature, or the last line is not finished');
  const split = lines.slice(0, -1).split('\n');
  if (split.length > maxSignatures) throw new Error('the note has too many signatures');
  return split.map(line => {
    const match = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/.exec(line);
    const bytes = Buffer.from(match?.[2] ?? '', 'base64');
    if (match === null || bytes.length < 5) throw new Error('a signature line is malformed');
    return { name: match[1] ?? '', keyId: bytes.toString('hex', 0, 4), bytes: bytes.subarray(4) };
  });
}

/** The signatures that claim to be by this key; usually one or none. */
export function signaturesBy(note: Pick<Note, 'signatures'>, verifier: Verifier): NoteSignature[] {
  return note.signatures.filter(({ name, keyId }) => name === verifier.name && keyId === verifier.keyId);
}

/** Whether the text is signed by this key: at least one signature claims so, and each that does is right. */
export function isSignedBy(note: Note, verifier: Verifier): boolean {
  const claimed = signaturesBy(note, verifier);
  const text = Buffer.from(note.text);
  return claimed.length > 0 && claimed.every(({ bytes }) => verify(null, text, verifier.publicKey, bytes));
}
