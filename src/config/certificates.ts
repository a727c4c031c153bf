import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { normalisePem, readPemBlocks } from '../core/pem.ts';

/** What a certificate or key file has wrong. `line` is that of the PEM block, 0 for the file as a whole. */
export interface PemProblem {
  readonly severity: 'error' | 'warning';
  readonly line: number;
  readonly message: string;
  readonly remedy: string;
}

/** A certificate less than this from its end is worth a warning, in milliseconds. */
const warnBeforeMs = 14 * 24 * 3_600_000;

/** Object identifiers of extended key usages, RFC 5280 4.2.1.12. */
const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';

/** Checks a CA bundle: at least one certificate, all of authorities, in their time. */
export function checkAuthorities(pem: string, now: number): PemProblem[] {
  const certificates = readCertificates(pem);
  if (!Array.isArray(certificates)) return [certificates];
  return certificates.flatMap(({ certificate, line }) => {
    if (certificate.ca) return dateProblems(certificate, line, now, 'get the current CA bundle');
    return [
      {
        severity: 'error' as const,
        line,
        message: `the certificate of ${nameOf(certificate)} is not that of an authority`,
        remedy: 'put CA certificates into this file only',
      },
    ];
  });
}

/** Checks a server certificate and its key: in its time, for servers, with a name that clients can compare. */
export function checkServerCertificate(pem: string, key: string, now: number): PemProblem[] {
  return checkLeaf(pem, key, now, ({ certificate, line }) => {
    const problems: PemProblem[] = [];
    const usages = usagesOf(certificate);
    if (usages.length > 0 && !usages.includes(serverAuth)) {
      problems.push({
        severity: 'error',
        line,
        message: 'the certificate is not for servers (extended key usage serverAuth is missing)',
        remedy: 'issue a certificate with serverAuth',
      });
    }
    if (certificate.subjectAltName === undefined) {
      problems.push({
        severity: 'error',
        line,
        message: 'the certificate has no subject alternative name; talosctl compares nothing else',
        remedy: 'issue a certificate with the DNS names and IP addresses that talosctl uses as endpoints',
      });
    }
    return problems;
  });
}

/** Checks the certificate with which the gateway calls nodes: exactly clientAuth, and a role that lets it say more. */
export function checkGatewayCertificate(pem: string, key: string, authorities: string, now: number): PemProblem[] {
  const remedy = 'make one with: talosctl config new --roles os:impersonator (see docs/configuration.md)';
  return checkLeaf(pem, key, now, ({ certificate, line }) => {
    const problems: PemProblem[] = [];
    const usages = usagesOf(certificate);
    if (usages.length !== 1 || usages[0] !== clientAuth) {
      const message = 'Talos takes certificates with the extended key usage clientAuth and no other';
      problems.push({ severity: 'error', line, message, remedy });
    }
    const roles = [certificate.toLegacyObject().subject.O ?? []].flat();
    if (roles.includes('os:admin')) {
      const message =
        'with os:admin the nodes ignore the role of the single call; every call would run as administrator';
      problems.push({ severity: 'warning', line, message, remedy });
    } else if (!roles.includes('os:impersonator')) {
      const message =
        'the certificate does not have the role os:impersonator (organization); nodes would refuse every call';
      problems.push({ severity: 'error', line, message, remedy });
    }
    if (!isIssuedBy(certificate, authorities)) {
      const message =
        'no certificate in talos_ca has issued this one; nodes take it only if machine.acceptedCAs says so';
      problems.push({ severity: 'warning', line, message, remedy: 'check that both are of the same cluster' });
    }
    return problems;
  });
}

interface Located {
  readonly certificate: X509Certificate;
  readonly line: number;
}

function checkLeaf(pem: string, key: string, now: number, check: (leaf: Located) => PemProblem[]): PemProblem[] {
  const certificates = readCertificates(pem);
  if (!Array.isArray(certificates)) return [certificates];
  const [leaf] = certificates;
  if (leaf === undefined) return [];
  const privateKey = readKey(key);
  const matches = privateKey !== undefined && leaf.certificate.checkPrivateKey(privateKey);
  return [
    ...(matches ? [] : [keyProblem(privateKey, leaf.line)]),
    ...dateProblems(leaf.certificate, leaf.line, now, 'renew the certificate'),
    ...check(leaf),
  ];
}

function readCertificates(pem: string): Located[] | PemProblem {
  const blocks = readPemBlocks(pem).filter(block => block.label === 'CERTIFICATE');
  const error = { severity: 'error' as const, remedy: 'the file must hold certificates as PEM' };
  if (blocks.length === 0) return { ...error, line: 0, message: 'there is no certificate in this file' };
  const certificates: Located[] = [];
  for (const { der, line } of blocks) {
    try {
      certificates.push({ certificate: new X509Certificate(der), line });
    } catch {
      return { ...error, line, message: 'what stands here as a certificate cannot be read' };
    }
  }
  return certificates;
}

/** Reads a private key, under Talos' own PEM label too; undefined when it is none, or locked with a password. */
function readKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(normalisePem(pem));
  } catch {
    return undefined;
  }
}

function keyProblem(key: KeyObject | undefined, line: number): PemProblem {
  return key === undefined
    ? { severity: 'error', line: 0, message: 'its private key cannot be read', remedy: 'give an unencrypted PEM key' }
    : { severity: 'error', line, message: 'the private key belongs to another certificate', remedy: 'give the pair' };
}

function dateProblems(certificate: X509Certificate, line: number, now: number, remedy: string): PemProblem[] {
  const until = certificate.validToDate.getTime();
  const name = nameOf(certificate);
  if (now < certificate.validFromDate.getTime()) {
    const message = `the certificate of ${name} is not valid before ${certificate.validFromDate.toISOString()}`;
    return [{ severity: 'error', line, message, remedy: 'check the clock of this machine and of the issuer' }];
  }
  if (now >= until) {
    const message = `the certificate of ${name} expired on ${certificate.validToDate.toISOString()}`;
    return [{ severity: 'error', line, message, remedy }];
  }
  if (until - now > warnBeforeMs) return [];
  const message = `the certificate of ${name} expires on ${certificate.validToDate.toISOString()}`;
  return [{ severity: 'warning', line, message, remedy }];
}

function isIssuedBy(certificate: X509Certificate, authorities: string): boolean {
  const issuers = readCertificates(authorities);
  if (!Array.isArray(issuers)) return false;
  return issuers.some(
    issuer => certificate.checkIssued(issuer.certificate) && certificate.verify(issuer.certificate.publicKey),
  );
}

/** Node calls the extended key usage `keyUsage`, and leaves it undefined where its types promise a list. */
function usagesOf(certificate: { readonly keyUsage?: readonly string[] | undefined }): readonly string[] {
  return certificate.keyUsage ?? [];
}

function nameOf(certificate: X509Certificate): string {
  return certificate.subject.replaceAll('\n', ', ') || 'nobody';
}
