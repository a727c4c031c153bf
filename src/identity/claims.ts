import type { JWTPayload } from 'jose';
import type { JwtIssuerSettings } from './config.ts';
import { readGroups, readName } from './names.ts';

/** What the claims of a verified token say about the caller. */
export interface ClaimedIdentity {
  readonly id: string;
  readonly kind: 'person' | 'machine';
  readonly groups: readonly string[];
}

/** Maps the claims of a token to a caller, or says which claim stands in the way. */
export function mapClaims(
  payload: JWTPayload,
  settings: JwtIssuerSettings,
): ClaimedIdentity | { readonly problem: string } {
  const id = readName(claimAt(payload, settings.id_claim));
  const label = [settings.id_claim].flat().join('.');
  if (id === undefined) return { problem: `the token has no acceptable ${label} claim` };
  if (label === 'email' && settings.require_verified_email && claimAt(payload, 'email_verified') !== true) {
    return { problem: 'the e-mail address in the token is not verified' };
  }
  const groups = claimedGroups(payload, settings);
  if (groups === undefined) return { problem: 'the groups in the token are not acceptable' };
  // Prefixed before it is read as a name again, so that the whole obeys the same rules.
  const whole = readName(`${settings.id_prefix}${id}`);
  if (whole === undefined) return { problem: `the ${label} claim is too long` };
  return { id: whole, kind: kindOf(payload, settings), groups };
}

/** The name that an unverified token gives itself, for the audit log only. */
export function claimedName(payload: JWTPayload, settings: JwtIssuerSettings): string | undefined {
  return readName(claimAt(payload, settings.id_claim));
}

/**
 * Groups by the names that policy knows. Issuers are kept apart by default: whoever runs one decides what its groups are
 * called, so `talos-admins` of a build system must not be the `talos-admins` of the people.
 */
function claimedGroups(payload: JWTPayload, settings: JwtIssuerSettings): readonly string[] | undefined {
  if (!settings.read_groups) return [];
  const groups = readGroups(claimAt(payload, settings.groups_claim));
  const prefix = settings.groups_prefix ?? settings.id_prefix;
  // Read again as prefixed, so that the whole obeys the same rules.
  return groups === undefined || prefix === '' ? groups : readGroups(groups.map(group => `${prefix}${group}`));
}

function kindOf(payload: JWTPayload, settings: JwtIssuerSettings): 'person' | 'machine' {
  const rule = settings.machine_when;
  return rule !== undefined && claimAt(payload, rule.claim) === rule.equals ? 'machine' : settings.kind;
}

/** Walks along own properties only: a claim named `constructor` is not found on every object. */
function claimAt(payload: unknown, path: string | readonly string[]): unknown {
  let value = payload;
  for (const step of [path].flat()) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}
