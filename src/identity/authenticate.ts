import type { Authentication, Credentials, Identity } from '../core/authentication.ts';
import type { Clock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import type { Principal } from '../core/principal.ts';
import type { Authenticator } from './authenticator.ts';
import { type IdentitySettings, identityProblems } from './config.ts';
import { createJwtAuthenticator } from './jwt.ts';
import { createMtlsAuthenticator } from './mtls.ts';

export interface IdentityOptions {
  /** Told about trouble that needs a person: an unreadable list, keys that cannot be fetched. Never a secret. */
  readonly onProblem?: (message: string) => void;
}

/**
 * Makes the gateway's judge of identity. Throws GateError `bad-config` when the settings or the files they name
 * cannot be used. The order of the list is the order in which credentials are looked at.
 */
export async function createIdentity(
  settings: IdentitySettings,
  clock: Clock,
  options: IdentityOptions = {},
): Promise<Identity> {
  const problem = identityProblems(settings)[0];
  if (problem !== undefined) {
    throw new GateError('bad-config', `identity.${problem.path.join('.')}: ${problem.message}; ${problem.remedy}`);
  }
  const onProblem = options.onProblem ?? (() => undefined);
  const authenticators: readonly Authenticator[] = [
    await createMtlsAuthenticator({ settings: settings.mtls, clock, onProblem }),
    await createJwtAuthenticator({ issuers: settings.jwt, clock, onProblem }),
  ];
  return {
    authenticate: credentials => authenticate(authenticators, credentials, onProblem),
    close: () => Promise.resolve(),
  };
}

/**
 * Asks every authenticator in order. Whatever is presented must be good: the first failure refuses the call, even
 * when another credential would have been enough. Several good ones must name the same caller of the same kind; then
 * the groups of all count, because each group is proven, and the shortest validity.
 */
export async function authenticate(
  authenticators: readonly Authenticator[],
  credentials: Credentials,
  onProblem: (message: string) => void,
): Promise<Authentication> {
  const proven: Principal[] = [];
  for (const authenticator of authenticators) {
    try {
      const outcome = await authenticator.authenticate(credentials);
      if (outcome.kind === 'failed') {
        const { reason, message, claimed } = outcome;
        return { ok: false, reason, message, claimed };
      }
      if (outcome.kind === 'principal') proven.push(outcome.principal);
    } catch (cause) {
      onProblem(`${authenticator.name}: ${cause instanceof Error ? cause.message : 'unknown failure'}`);
      return {
        ok: false,
        reason: authenticator.name === 'mtls' ? 'bad-certificate' : 'bad-token',
        message: 'the credential could not be judged',
        claimed: undefined,
      };
    }
  }
  return merge(proven);
}

function merge(proven: readonly Principal[]): Authentication {
  const [first, ...others] = proven;
  if (first === undefined) {
    return {
      ok: false,
      reason: 'no-credential',
      message: 'log in with a client certificate or a token; the talosconfig in use carries neither',
      claimed: undefined,
    };
  }
  if (others.length === 0) return { ok: true, principal: first };
  if (others.some(other => other.id !== first.id || other.kind !== first.kind)) {
    return {
      ok: false,
      reason: 'identities-differ',
      message: 'the client certificate and the token name different callers',
      claimed: first.id,
    };
  }
  return {
    ok: true,
    principal: {
      id: first.id,
      kind: first.kind,
      groups: [...new Set(proven.flatMap(principal => principal.groups))],
      proofs: proven.flatMap(principal => principal.proofs),
      validUntil: Math.min(...proven.map(principal => principal.validUntil)),
      tokenSince: proven.find(principal => principal.tokenSince !== undefined)?.tokenSince,
    },
  };
}
