import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { Peer } from '../../../src/core/authentication.ts';
import type { Clock } from '../../../src/core/clock.ts';

export const clientAuth = '1.3.6.1.5.5.7.3.2';
export const serverAuth = '1.3.6.1.5.5.7.3.1';

/** The moment at which these tests take place. */
export const noon = Date.parse('2026-06-01T12:00:00Z');

/** A clock that stands still until it is moved. */
export function handClock(start = noon): Clock & { advance(ms: number): void } {
  let now = start;
  return {
    now: () => now,
    monotonic: () => now * 1000,
    random: size => Buffer.alloc(size, 7),
    advance: ms => void (now += ms),
  };
}

export interface CertificateWish {
  readonly subject?: string;
  readonly sans?: x509.JsonGeneralNames;
  readonly usages?: readonly string[];
  readonly authority?: boolean;
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly serial?: string;
  readonly extensions?: readonly x509.Extension[];
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };

/** Makes a certificate, signed by itself: the chain is TLS' business and arrives as `chainVerified`. */
export async function makeCertificate(wish: CertificateWish = {}): Promise<Buffer> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const usages = wish.usages ?? [clientAuth];
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: wish.serial ?? '0a0b',
    name: wish.subject ?? 'CN=alice,O=platform',
    notBefore: new Date(wish.notBefore ?? noon - 3_600_000),
    notAfter: new Date(wish.notAfter ?? noon + 3_600_000),
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      ...(usages.length > 0 ? [new x509.ExtendedKeyUsageExtension([...usages])] : []),
      ...(wish.sans === undefined ? [] : [new x509.SubjectAlternativeNameExtension(wish.sans)]),
      ...(wish.authority === true ? [new x509.BasicConstraintsExtension(true)] : []),
      ...(wish.extensions ?? []),
    ],
  });
  return Buffer.from(certificate.rawData);
}

/** A connection whose certificate TLS has verified, unless said otherwise. */
export function peerWith(certificate: Buffer | undefined, more: Partial<Peer> = {}): Peer {
  return {
    address: '192.0.2.7',
    port: 40_000,
    certificate,
    chainVerified: certificate !== undefined,
    chainError: undefined,
    ...more,
  };
}
