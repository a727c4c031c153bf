import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import type { Clock } from '../../core/clock.ts';
import { writePem } from '../../core/pem.ts';

/** A certificate and its private key, PEM texts. The key is PKCS#8. */
export interface Leaf {
  readonly certificate: string;
  readonly key: string;
}

/** Who a client certificate is for. */
interface ClientSubject {
  readonly commonName: string;
  /** Groups at the gateway's door, Talos roles at a node's. */
  readonly organizations?: readonly string[];
  readonly email?: string;
  readonly uri?: string;
}

/** A certificate authority with its key, able to issue. */
export interface Authority extends Leaf {
  /** A certificate for servers only. `names` are the DNS names and IP addresses that clients may use. */
  issueServer(commonName: string, names: readonly string[]): Promise<Leaf>;
  /** A certificate for clients only: exactly clientAuth, as Talos and talosgate demand. */
  issueClient(subject: ClientSubject): Promise<Leaf>;
}

export interface AuthorityOptions {
  readonly name: string;
  readonly clock: Clock;
  /** p256: what every tool reads. ed25519: what Talos itself makes. Default p256. */
  readonly algorithm?: keyof typeof algorithms;
  /** How long leaves are valid. Default 365; the authority itself is valid for ten years. */
  readonly leafDays?: number;
}

const algorithms = {
  p256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  ed25519: { name: 'Ed25519' },
} as const;

const dayMs = 24 * 3_600_000;

/** How far before now a certificate starts, so that clocks may differ a little. */
const startBeforeMs = 5 * 60_000;

/** Makes a certificate authority. Key pairs come from WebCrypto, serials and dates from the clock. */
export async function createAuthority(options: AuthorityOptions): Promise<Authority> {
  const { clock, leafDays = 365 } = options;
  const algorithm = algorithms[options.algorithm ?? 'p256'];
  const keys = await generateKeys(algorithm);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: makeSerial(clock),
    name: [{ O: ['talosgate'] }, { CN: [options.name] }],
    notBefore: new Date(clock.now() - startBeforeMs),
    notAfter: new Date(clock.now() + 3650 * dayMs),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });

  async function issue(subject: x509.JsonName, extensions: readonly x509.Extension[]): Promise<Leaf> {
    const leafKeys = await generateKeys(algorithm);
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: makeSerial(clock),
      subject,
      issuer: root.subjectName,
      notBefore: new Date(clock.now() - startBeforeMs),
      notAfter: new Date(clock.now() + leafDays * dayMs),
      publicKey: leafKeys.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        await x509.AuthorityKeyIdentifierExtension.create(root),
        ...extensions,
      ],
    });
    return toLeaf(certificate, leafKeys);
  }

  return {
    ...(await toLeaf(root, keys)),
    issueServer: (commonName, names) =>
      issue(
        [{ CN: [commonName] }],
        [
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          new x509.SubjectAlternativeNameExtension(
            names.map(value => (isIP(value) === 0 ? { type: 'dns', value } : { type: 'ip', value })),
          ),
        ],
      ),
    issueClient: ({ commonName, organizations = [], email, uri }) => {
      const names: x509.JsonGeneralNames = [
        ...(email === undefined ? [] : [{ type: 'email' as const, value: email }]),
        ...(uri === undefined ? [] : [{ type: 'url' as const, value: uri }]),
      ];
      return issue(
        [...organizations.map(value => ({ O: [value] })), { CN: [commonName] }],
        [
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
          ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
        ],
      );
    },
  };
}

function generateKeys(algorithm: (typeof algorithms)[keyof typeof algorithms]): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
}

/** 16 random bytes; the first bit cleared and the second set keep it positive and of full length (RFC 5280 4.1.2.2). */
function makeSerial(clock: Clock): string {
  const bytes = clock.random(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString('hex');
}

async function toLeaf(certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair): Promise<Leaf> {
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    certificate: writePem('CERTIFICATE', new Uint8Array(certificate.rawData)),
    key: writePem('PRIVATE KEY', new Uint8Array(key)),
  };
}
