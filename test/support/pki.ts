import 'reflect-metadata';
import { createPrivateKey, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralNames,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

export interface IssueRequest {
  readonly commonName: string;
  /** O values of the subject, in order: Talos roles on a node, groups at the gateway. */
  readonly organizations?: readonly string[];
  readonly uris?: readonly string[];
  readonly emails?: readonly string[];
  readonly ips?: readonly string[];
  readonly dns?: readonly string[];
  /** Extended key usages, exactly these; clientAuth when not given, no extension when empty. */
  readonly usages?: readonly ('client' | 'server')[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** A leaf certificate and its private key, PEM. */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority made for one test. */
export interface TestPki {
  /** CA certificate, PEM. */
  readonly ca: string;
  issue(request: IssueRequest): Promise<IssuedCertificate>;
}

export type TestKeyKind = 'ed25519' | 'p256';

const algorithms = {
  ed25519: { name: 'Ed25519' },
  p256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
} as const;

const day = 24 * 60 * 60 * 1000;

/** Makes a CA with Ed25519 keys (what Talos uses) or ECDSA P-256 keys, valid for ten days around now. */
export async function createTestPki(kind: TestKeyKind = 'ed25519', name = 'talosgate test'): Promise<TestPki> {
  const algorithm = algorithms[kind];
  const keys = await generateKeys(algorithm);
  const ca = await X509CertificateGenerator.createSelfSigned({
    name: [{ O: [name] }],
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + 9 * day),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
    ],
  });
  return { ca: ca.toString('pem'), issue: request => issue(ca, keys.privateKey, algorithm, request) };
}

type KeyAlgorithm = (typeof algorithms)[TestKeyKind];

async function issue(
  ca: X509Certificate,
  signingKey: webcrypto.CryptoKey,
  algorithm: KeyAlgorithm,
  request: IssueRequest,
): Promise<IssuedCertificate> {
  const keys = await generateKeys(algorithm);
  const certificate = await X509CertificateGenerator.create({
    subject: subjectOf(request),
    issuer: ca.subjectName.toJSON(),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: algorithm,
    notBefore: request.notBefore ?? new Date(Date.now() - 60 * 60 * 1000),
    notAfter: request.notAfter ?? new Date(Date.now() + day),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      await AuthorityKeyIdentifierExtension.create(ca.publicKey, false, webcrypto),
      ...usagesOf(request),
      ...namesOf(request),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await exportKey(keys.privateKey) };
}

function subjectOf(request: IssueRequest): JsonName {
  const organizations = (request.organizations ?? []).map(value => ({ O: [value] }));
  return [...organizations, { CN: [request.commonName] }];
}

function usagesOf(request: IssueRequest): Extension[] {
  const usages = (request.usages ?? ['client']).map(usage =>
    usage === 'client' ? ExtendedKeyUsage.clientAuth : ExtendedKeyUsage.serverAuth,
  );
  return usages.length === 0 ? [] : [new ExtendedKeyUsageExtension(usages)];
}

function namesOf(request: IssueRequest): Extension[] {
  const names: JsonGeneralNames = [
    ...(request.uris ?? []).map(value => ({ type: 'url' as const, value })),
    ...(request.emails ?? []).map(value => ({ type: 'email' as const, value })),
    ...(request.ips ?? []).map(value => ({ type: 'ip' as const, value })),
    ...(request.dns ?? []).map(value => ({ type: 'dns' as const, value })),
  ];
  return names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)];
}

async function generateKeys(algorithm: KeyAlgorithm): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({
    format: 'pem',
    type: 'pkcs8',
  });
}
