import type { Peer } from '../core/authentication.ts';
import type { Clock } from '../core/clock.ts';
import type { Principal } from '../core/principal.ts';
import { type Authenticator, failed, type Outcome } from './authenticator.ts';
import { type CertificateFacts, readCertificate } from './certificate.ts';
import type { MtlsSettings, SubjectRule } from './config.ts';
import { readGroups, readName } from './names.ts';
import { parseRevocations, type Revocations } from './revocations.ts';
import { openWatchedFile, type WatchedFile } from './watched-file.ts';

/** Object identifier of the extended key usage clientAuth, RFC 5280 4.2.1.12. */
const clientAuth = '1.3.6.1.5.5.7.3.2';

/** Largest certificate that is parsed, in bytes. Anybody may present one, verified or not. */
const maxCertificateBytes = 32 * 1024;

export interface MtlsOptions {
  /** Undefined: client certificates are not a way in, and presenting one is refused. */
  readonly settings: MtlsSettings | undefined;
  readonly clock: Clock;
  readonly onProblem: (message: string) => void;
}

/**
 * Proves a caller by the certificate of the TLS connection. What a certificate says is read once per connection;
 * dates and revocation are looked at on every call. Throws GateError `bad-config` on an unreadable revocation list.
 */
export async function createMtlsAuthenticator(options: MtlsOptions): Promise<Authenticator> {
  const { settings, clock, onProblem } = options;
  const path = settings?.revoked;
  const revoked =
    path === undefined ? undefined : await openWatchedFile({ path, clock, parse: parseRevocations, onProblem });
  // Keyed by the buffer itself: the listener fills a Peer once per connection, so an entry lives as long as that.
  const readings = new WeakMap<Buffer, Reading>();
  return {
    name: 'mtls',
    async authenticate({ peer }) {
      if (peer.certificate === undefined) return { kind: 'none' };
      if (settings === undefined) {
        return failed('bad-certificate', 'this gateway takes no client certificates; log in with a token only');
      }
      let reading = readings.get(peer.certificate);
      if (reading === undefined) {
        reading = judge(peer.certificate, settings.subject);
        readings.set(peer.certificate, reading);
      }
      return verdict(peer, reading, clock.now(), await current(revoked));
    },
  };
}

/** What stays true of a certificate for as long as its connection lasts. */
type Reading =
  | { readonly ok: true; readonly facts: CertificateFacts; readonly principal: Principal }
  | { readonly ok: false; readonly message: string; readonly claimed: string | undefined };

function judge(der: Buffer, rules: readonly SubjectRule[]): Reading {
  let facts: CertificateFacts;
  try {
    if (der.length > maxCertificateBytes) throw new Error('too large');
    facts = readCertificate(der);
  } catch {
    return { ok: false, message: 'the client certificate cannot be read', claimed: undefined };
  }
  const subject = findSubject(facts, rules);
  if (!subject.ok) return { ...subject, claimed: undefined };
  const refuse = (message: string): Reading => ({ ok: false, message, claimed: subject.id });
  // apid asks the same of its clients: exactly clientAuth, for at least as long as Talos v1.6.
  if (facts.usages.length !== 1 || facts.usages[0] !== clientAuth) {
    return refuse('the certificate must have the extended key usage clientAuth and no other');
  }
  if (facts.isAuthority) return refuse('the certificate belongs to a certificate authority, not to a caller');
  if (Number.isNaN(facts.notBefore) || Number.isNaN(facts.notAfter)) {
    return refuse('the dates of the client certificate cannot be read');
  }
  const groups = readGroups(facts.organizations);
  if (groups === undefined) return refuse('an organization in the client certificate is not acceptable as a group');
  const { fingerprint, serial, issuer } = facts;
  return {
    ok: true,
    facts,
    principal: {
      id: subject.id,
      kind: subject.kind,
      groups,
      proofs: [{ kind: 'mtls', fingerprint, serial, issuer }],
      validUntil: facts.notAfter,
    },
  };
}

function verdict(peer: Peer, reading: Reading, now: number, revoked: Revocations | undefined): Outcome {
  const claimed = reading.ok ? reading.principal.id : reading.claimed;
  if (!peer.chainVerified) {
    return peer.chainError === 'CERT_HAS_EXPIRED'
      ? failed('expired', 'the client certificate has expired', claimed)
      : failed('bad-certificate', 'no client CA of this gateway vouches for the client certificate', claimed);
  }
  if (!reading.ok) return failed('bad-certificate', reading.message, claimed);
  if (now < reading.facts.notBefore) {
    return failed('bad-certificate', 'the client certificate is not valid yet', claimed);
  }
  if (now >= reading.facts.notAfter) return failed('expired', 'the client certificate has expired', claimed);
  if (revoked?.has(reading.facts) === true) {
    return failed('bad-certificate', 'the client certificate is revoked', claimed);
  }
  return { kind: 'principal', principal: reading.principal };
}

type Subject =
  | { readonly ok: true; readonly id: string; readonly kind: Principal['kind'] }
  | { readonly ok: false; readonly message: string };

/** The first kind of name that the certificate has decides; a later kind never repairs an unacceptable earlier one. */
function findSubject(facts: CertificateFacts, rules: readonly SubjectRule[]): Subject {
  const sources = { uri: facts.uris, email: facts.emails, common_name: facts.commonNames } as const;
  for (const rule of rules) {
    const [value, ...others] = sources[rule.from];
    if (value === undefined) continue;
    const label = { uri: 'URI', email: 'e-mail address', common_name: 'common name' }[rule.from];
    if (others.length > 0) return { ok: false, message: `the certificate has more than one ${label}` };
    const named = applyPrefixes(value, rule);
    const id = readName(named?.rest);
    if (named === undefined || id === undefined) {
      return { ok: false, message: `the ${label} in the client certificate is not acceptable as a name` };
    }
    return { ok: true, id, kind: named.kind };
  }
  return { ok: false, message: 'the client certificate does not say who it belongs to' };
}

/** The longer prefix is tried first, so that a machine prefix below the person prefix is not shadowed. */
function applyPrefixes(
  value: string,
  rule: SubjectRule,
): { readonly rest: string; readonly kind: Principal['kind'] } | undefined {
  const marks = [
    { prefix: rule.machine_prefix, kind: 'machine' as const },
    { prefix: rule.prefix ?? '', kind: 'person' as const },
  ]
    .flatMap(({ prefix, kind }) => (prefix === undefined ? [] : [{ prefix, kind }]))
    .sort((a, b) => b.prefix.length - a.prefix.length);
  const mark = marks.find(({ prefix }) => value.startsWith(prefix));
  return mark === undefined ? undefined : { rest: value.slice(mark.prefix.length), kind: mark.kind };
}

async function current(file: WatchedFile<Revocations> | undefined): Promise<Revocations | undefined> {
  return file === undefined ? undefined : await file.current();
}
