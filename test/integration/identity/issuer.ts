import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  type JSONWebKeySet,
  type JWK,
  type JWTHeaderParameters,
  type JWTPayload,
  SignJWT,
} from 'jose';
import type { JwtIssuerSettings } from '../../../src/identity/config.ts';
import { noon } from '../../unit/identity/certificates.ts';

/** A key pair as an identity provider holds it. */
export interface SigningKey {
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

/** Makes a signing key; pass `kid: undefined` for one without a name. */
export async function makeKey(kid: string | undefined, algorithm = 'ES256'): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), alg: algorithm, use: 'sig' };
  return { privateKey, publicJwk: kid === undefined ? jwk : { ...jwk, kid } };
}

/** Signs a token that is good in every way except for what is replaced; `undefined` removes a claim. */
export function sign(
  key: SigningKey,
  claims: Record<string, unknown> = {},
  header: Partial<JWTHeaderParameters> = {},
): Promise<string> {
  const payload: JWTPayload = {
    iss: 'https://idp.example',
    aud: 'talosgate',
    sub: 'subject-1',
    jti: 'token-1',
    iat: noon / 1000 - 60,
    exp: noon / 1000 + 600,
    email: 'alice@example.com',
    email_verified: true,
    groups: ['platform'],
    ...claims,
  };
  const { alg = 'ES256', kid } = key.publicJwk;
  const named = kid === undefined ? {} : { kid };
  return new SignJWT(payload).setProtectedHeader({ alg, ...named, ...header }).sign(key.privateKey);
}

/** Settings of one issuer, as they come out of the loader. */
export function issuerSettings(keys: JwtIssuerSettings['keys'], more: Partial<JwtIssuerSettings> = {}) {
  return {
    issuer: 'https://idp.example',
    audience: ['talosgate'],
    keys,
    algorithms: ['ES256'],
    clock_tolerance: 5_000,
    max_age: 3_600_000,
    id_claim: 'email',
    require_verified_email: true,
    groups_claim: 'groups',
    read_groups: true,
    id_prefix: '',
    kind: 'person',
    ...more,
  } satisfies JwtIssuerSettings;
}

/** An HTTP server on loopback that publishes keys; `respond` replaces what it answers with. */
export async function startKeyServer(keys: readonly SigningKey[]) {
  let status = 200;
  let body = JSON.stringify({ keys: keys.map(key => key.publicJwk) } satisfies JSONWebKeySet);
  let requests = 0;
  const server = createServer((_, response) => {
    requests += 1;
    response.writeHead(status, { 'content-type': 'application/json', location: '/elsewhere' }).end(body);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    requests: () => requests,
    publish: (next: readonly SigningKey[]) => {
      status = 200;
      body = JSON.stringify({ keys: next.map(key => key.publicJwk) });
    },
    respond: (nextStatus: number, nextBody: string) => {
      status = nextStatus;
      body = nextBody;
    },
    close: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
