import { createHash } from 'node:crypto';
import { decodeJwt, type JWTPayload, type JWTVerifyResult, errors as jose, jwtVerify } from 'jose';
import type { Clock } from '../core/clock.ts';
import type { Principal } from '../core/principal.ts';
import { type Authenticator, failed, type Outcome } from './authenticator.ts';
import { readAuthorization } from './bearer.ts';
import { claimedName, mapClaims } from './claims.ts';
import type { JwtIssuerSettings } from './config.ts';
import { createRemoteKeys, type KeySet, type KeySource, KeysUnavailable, openKeyFile } from './key-sets.ts';
import { readName, readText } from './names.ts';
import { createTokenCache } from './token-cache.ts';

/** Most verified tokens that are remembered. */
const cacheLimit = 4096;

/** User names of Basic that say nothing about the caller. Any other must be the name that the token proves. */
const neutralUsers = ['', 'jwt', 'token'];

export interface JwtOptions {
  /** Empty: tokens are not a way in, and presenting one is refused. */
  readonly issuers: readonly JwtIssuerSettings[];
  readonly clock: Clock;
  readonly onProblem: (message: string) => void;
}

interface Issuer {
  readonly settings: JwtIssuerSettings;
  readonly keys: KeySource;
}

/**
 * Proves a caller by a JWT in the `authorization` header. The issuer is chosen by the token's own `iss` and then
 * verified with that issuer's keys, audiences and algorithms only. A verified token is remembered by its SHA-256
 * until it expires or its issuer's keys change. Token text is neither kept nor repeated.
 * Throws GateError `bad-config` on an unreadable key file; an unreachable key address is no reason not to start.
 */
export async function createJwtAuthenticator(options: JwtOptions): Promise<Authenticator> {
  const { clock } = options;
  const issuers = new Map<string, Issuer>();
  for (const settings of options.issuers) {
    issuers.set(settings.issuer, { settings, keys: await openKeys(settings, options) });
  }
  const cache = createTokenCache(cacheLimit);

  async function prove(token: string): Promise<Outcome> {
    const fingerprint = createHash('sha256').update(token).digest('hex');
    const known = cache.get(fingerprint);
    if (known === undefined) return proveAnew(token, fingerprint);
    const keys = await known.source.current().catch(() => undefined);
    if (keys === known.keys && clock.now() < known.principal.validUntil) {
      return { kind: 'principal', principal: known.principal };
    }
    cache.delete(fingerprint);
    return proveAnew(token, fingerprint);
  }

  async function proveAnew(token: string, fingerprint: string): Promise<Outcome> {
    const payload = decode(token);
    const issuer = payload?.iss === undefined ? undefined : issuers.get(payload.iss);
    if (payload === undefined || issuer === undefined) {
      return failed('bad-token', 'the token is not from an issuer that this gateway trusts');
    }
    const claimed = claimedName(payload, issuer.settings);
    try {
      const { result, keys } = await verifyWith(token, issuer, clock);
      const principal = toPrincipal(result, issuer.settings, fingerprint);
      if ('problem' in principal) return failed('bad-token', principal.problem, claimed);
      cache.set(fingerprint, { principal, keys, source: issuer.keys });
      return { kind: 'principal', principal };
    } catch (cause) {
      return refusalFor(cause, claimed);
    }
  }

  return {
    name: 'jwt',
    async authenticate({ authorization }) {
      if (authorization === undefined) return { kind: 'none' };
      if (issuers.size === 0) {
        return failed('bad-token', 'this gateway takes no tokens; log in with a client certificate only');
      }
      const carried = readAuthorization(authorization);
      if ('problem' in carried) return failed('bad-token', carried.problem);
      const outcome = await prove(carried.token);
      return outcome.kind === 'principal' ? checkUser(carried.user, outcome.principal) : outcome;
    },
  };
}

function openKeys(settings: JwtIssuerSettings, options: JwtOptions): Promise<KeySource> | KeySource {
  const { file, url } = settings.keys;
  if (file !== undefined) return openKeyFile(file, options.clock, options.onProblem);
  return createRemoteKeys(url ?? '', options.clock, options.onProblem);
}

function decode(token: string): JWTPayload | undefined {
  try {
    return decodeJwt(token);
  } catch {
    return undefined;
  }
}

async function verifyWith(
  token: string,
  issuer: Issuer,
  clock: Clock,
): Promise<{ readonly result: JWTVerifyResult; readonly keys: KeySet }> {
  const keys = await issuer.keys.current();
  try {
    return { result: await verify(token, keys, issuer.settings, clock), keys };
  } catch (cause) {
    if (!(cause instanceof jose.JWKSNoMatchingKey)) throw cause;
    const newer = await issuer.keys.newer();
    if (newer === keys) throw cause;
    return { result: await verify(token, newer, issuer.settings, clock), keys: newer };
  }
}

function verify(token: string, keys: KeySet, settings: JwtIssuerSettings, clock: Clock): Promise<JWTVerifyResult> {
  return jwtVerify(token, keys.getKey, {
    issuer: settings.issuer,
    audience: settings.audience,
    algorithms: settings.algorithms,
    requiredClaims: ['exp', 'iat', 'aud', 'iss'],
    maxTokenAge: settings.max_age / 1000,
    clockTolerance: settings.clock_tolerance / 1000,
    currentDate: new Date(clock.now()),
    ...(settings.type === undefined ? {} : { typ: settings.type }),
  });
}

function toPrincipal(
  { payload, protectedHeader }: JWTVerifyResult,
  settings: JwtIssuerSettings,
  fingerprint: string,
): Principal | { readonly problem: string } {
  const identity = mapClaims(payload, settings);
  if ('problem' in identity) return identity;
  const issuedAt = (payload.iat ?? 0) * 1000;
  const expiresAt = (payload.exp ?? 0) * 1000;
  return {
    ...identity,
    proofs: [
      {
        kind: 'jwt',
        issuer: settings.issuer,
        subject: readText(payload.sub) ?? '',
        audience: [payload.aud ?? []]
          .flat()
          .slice(0, 16)
          .flatMap(text => readText(text) ?? []),
        tokenId: readText(payload.jti),
        keyId: readText(protectedHeader.kid),
        algorithm: protectedHeader.alg,
        fingerprint,
      },
    ],
    tokenSince: Math.min(issuedAt, authenticatedAt(payload) ?? issuedAt),
    validUntil: Math.min(expiresAt, issuedAt + settings.max_age) + settings.clock_tolerance,
  };
}

/** OpenID Connect Core section 2: when the person logged in, in seconds. */
function authenticatedAt(payload: JWTPayload): number | undefined {
  const time = payload['auth_time'];
  return typeof time === 'number' ? time * 1000 : undefined;
}

function checkUser(user: string | undefined, principal: Principal): Outcome {
  if (user === undefined || neutralUsers.includes(user) || readName(user) === principal.id) {
    return { kind: 'principal', principal };
  }
  return failed('identities-differ', 'the user name and the token name different callers', principal.id);
}

const claimMessages: Readonly<Record<string, string>> = {
  aud: 'the token is not meant for this gateway (aud)',
  iss: 'the token is not from an issuer that this gateway trusts',
  nbf: 'the token is not valid yet (nbf)',
  iat: 'the token has no acceptable time of issue (iat)',
  exp: 'the token has no acceptable expiry (exp)',
  typ: 'the token is of another type (typ)',
};

function refusalFor(cause: unknown, claimed: string | undefined): Outcome {
  if (cause instanceof KeysUnavailable) {
    return failed('provider-unavailable', 'the keys of the token issuer cannot be fetched, try again later', claimed);
  }
  if (cause instanceof jose.JWTExpired) return failed('expired', 'the token has expired, log in again', claimed);
  if (cause instanceof jose.JWTClaimValidationFailed) {
    return failed('bad-token', claimMessages[cause.claim] ?? 'a claim of the token is not acceptable', claimed);
  }
  if (cause instanceof jose.JWKSNoMatchingKey) {
    return failed('bad-token', 'the token is signed with a key that its issuer does not publish', claimed);
  }
  if (cause instanceof jose.JWKSMultipleMatchingKeys) {
    return failed('bad-token', 'the token does not say which key signed it (kid)', claimed);
  }
  if (cause instanceof jose.JOSEAlgNotAllowed) {
    return failed('bad-token', 'the token is signed with an algorithm that is not accepted', claimed);
  }
  return failed('bad-token', 'the token does not verify', claimed);
}
