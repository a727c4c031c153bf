import type { DetailedPeerCertificate } from 'node:tls';
import { type CallMetadata, SimStatus } from './sim-call.ts';

const clientAuth = '1.3.6.1.5.5.7.3.2';

/**
 * Roles of a caller, as apid finds them (talos pkg/grpc/middleware/authz/injector.go): the organizations of the leaf,
 * or, for an impersonator, the values of `talos-role`, each header field one role. An impersonator that names none has
 * only a role that opens nothing.
 */
export function rolesOf(organizations: readonly string[], metadata: CallMetadata): ReadonlySet<string> {
  const own = new Set(organizations);
  if (!own.has('os:impersonator')) return own;
  const named = metadata.get('talos-role') ?? [];
  return named.length > 0 ? new Set(named) : own;
}

/** Throws PERMISSION_DENIED, in the words of a node, unless the caller has one of the admitted roles. */
export function assertRole(admitted: readonly string[], roles: ReadonlySet<string>): void {
  if (!admitted.some(role => roles.has(role))) throw new SimStatus('PERMISSION_DENIED', 'not authorized');
}

/** Organizations of a leaf certificate, in order. */
export function organizationsOf(certificate: DetailedPeerCertificate): readonly string[] {
  // A subject part that occurs several times comes as a list, whatever the declared type says.
  const value = certificate.subject.O;
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

/**
 * True when every certificate of the presented chain that is not a CA has exactly the usage clientAuth. A certificate
 * that may also serve is refused by apid (talos.md 2.2).
 */
export function hasOnlyClientUsage(leaf: DetailedPeerCertificate): boolean {
  const seen = new Set<string>();
  for (let at: DetailedPeerCertificate | undefined = leaf; at !== undefined; at = issuerOf(at)) {
    if (seen.has(at.fingerprint256)) return true;
    seen.add(at.fingerprint256);
    const usages = (at.ext_key_usage ?? []) as readonly string[];
    if (!at.ca && (usages.length !== 1 || usages[0] !== clientAuth)) return false;
  }
  return true;
}

function issuerOf(certificate: DetailedPeerCertificate): DetailedPeerCertificate | undefined {
  return certificate.issuerCertificate;
}
