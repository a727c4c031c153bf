import 'reflect-metadata';
import { createHash, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';

/** What a client certificate says, before anybody judged it. Dates are milliseconds since the epoch. */
export interface CertificateFacts {
  readonly uris: readonly string[];
  readonly emails: readonly string[];
  readonly commonNames: readonly string[];
  readonly organizations: readonly string[];
  /** Extended key usage as object identifiers; empty when the extension is absent. */
  readonly usages: readonly string[];
  readonly isAuthority: boolean;
  readonly notBefore: number;
  readonly notAfter: number;
  /** Hex, lower case. */
  readonly serial: string;
  readonly issuer: string;
  /** SHA-256 over the SubjectPublicKeyInfo, hex. */
  readonly fingerprint: string;
}

/**
 * Reads a certificate. Throws on anything that is not one, on a repeated extension (RFC 5280 4.2), and on values in
 * an encoding that this gateway does not read.
 */
export function readCertificate(der: Buffer): CertificateFacts {
  // Node's own textual SAN and subject are for people: their quoting had to be fixed more than once (CVE-2021-44532,
  // CVE-2021-44533). Names come from the parsed structure instead; dates, serial and key from what OpenSSL verified.
  const native = new X509Certificate(der);
  const parsed = new x509.X509Certificate(der);
  const kinds = parsed.extensions.map(extension => extension.type);
  if (new Set(kinds).size !== kinds.length) throw new Error('an extension stands in the certificate twice');
  const names = parsed.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  const key = native.publicKey.export({ type: 'spki', format: 'der' });
  return {
    uris: names.filter(name => name.type === 'url').map(name => assertAscii(name.value)),
    emails: names.filter(name => name.type === 'email').map(name => assertAscii(name.value)),
    commonNames: subjectValues(parsed, 'CN'),
    organizations: subjectValues(parsed, 'O'),
    usages: (parsed.getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? []).map(String),
    isAuthority: parsed.getExtension(x509.BasicConstraintsExtension)?.ca ?? false,
    notBefore: native.validFromDate.getTime(),
    notAfter: native.validToDate.getTime(),
    serial: native.serialNumber.toLowerCase(),
    issuer: parsed.issuer.slice(0, 512),
    fingerprint: createHash('sha256').update(key).digest('hex'),
  };
}

function subjectValues(certificate: x509.X509Certificate, type: string): string[] {
  return certificate.subjectName.toJSON().flatMap(rdn =>
    (rdn[type] ?? []).map(value => {
      // The parser writes a value of an unknown ASN.1 type as # and hex.
      if (value.startsWith('#')) throw new Error(`${type} has an encoding that is not read here`);
      return value;
    }),
  );
}

/** URI and e-mail SANs are IA5String; anything beyond ASCII is no such thing. */
function assertAscii(value: string): string {
  if (!/^[\x20-\x7e]*$/.test(value)) throw new Error('a subject alternative name is not ASCII');
  return value;
}
