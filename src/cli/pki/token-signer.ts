import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { Clock } from '../../core/clock.ts';

/** What a token shall say. */
interface TokenWish {
  readonly email: string;
  readonly groups?: readonly string[];
  /** How long it is valid, in seconds. */
  readonly seconds: number;
  /** Further claims, such as the one that marks a machine. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** Stands for an identity provider: signs tokens, and publishes the key to check them with. */
export interface TokenSigner {
  /** JWKS text for `identity.jwt[].keys.file`. */
  readonly keySet: string;
  sign(wish: TokenWish): Promise<string>;
}

/** Makes a signer with a new ES256 key. */
export async function createTokenSigner(options: {
  readonly issuer: string;
  readonly audience: string;
  readonly clock: Clock;
}): Promise<TokenSigner> {
  const { issuer, audience, clock } = options;
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const kid = clock.random(8).toString('hex');
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' };
  return {
    keySet: `${JSON.stringify({ keys: [jwk] }, undefined, 2)}\n`,
    sign: ({ email, groups = [], seconds, claims = {} }) => {
      const now = Math.floor(clock.now() / 1000);
      return new SignJWT({ ...claims, email, email_verified: true, groups: [...groups] })
        .setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT' })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(email)
        .setJti(clock.random(16).toString('hex'))
        .setIssuedAt(now)
        .setExpirationTime(now + seconds)
        .sign(privateKey);
    },
  };
}
