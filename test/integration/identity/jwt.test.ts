import { createHash, createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../../src/identity/authenticator.ts';
import type { JwtIssuerSettings } from '../../../src/identity/config.ts';
import { createJwtAuthenticator } from '../../../src/identity/jwt.ts';
import { handClock, noon, peerWith } from '../../unit/identity/certificates.ts';
import { issuerSettings, makeKey, type SigningKey, sign } from './issuer.ts';

let directory: string;
let file: string;
let key: SigningKey;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'talosgate-jwt-'));
  file = join(directory, 'keys.json');
  key = await makeKey('k1');
  await writeFile(file, JSON.stringify({ keys: [key.publicJwk] }));
});
afterAll(() => rm(directory, { recursive: true }));

const basic = (user: string, token: string) => `Basic ${Buffer.from(`${user}:${token}`).toString('base64')}`;

async function ask(authorization: string, more: Partial<JwtIssuerSettings> = {}, clock = handClock()) {
  const authenticator = await createJwtAuthenticator({
    issuers: [issuerSettings({ file }, more)],
    clock,
    onProblem: () => undefined,
  });
  return authenticator.authenticate({ peer: peerWith(undefined), authorization });
}

const askWith = async (claims: Record<string, unknown>, more: Partial<JwtIssuerSettings> = {}) =>
  ask(`Bearer ${await sign(key, claims)}`, more);

function principalOf(outcome: Outcome) {
  if (outcome.kind !== 'principal') throw new Error(`refused: ${JSON.stringify(outcome)}`);
  return outcome.principal;
}

function refusalOf(outcome: Outcome) {
  if (outcome.kind !== 'failed') throw new Error(`not refused: ${JSON.stringify(outcome)}`);
  return outcome;
}

describe('createJwtAuthenticator', () => {
  it('proves the caller and states the token by its SHA-256', async () => {
    const token = await sign(key);
    expect(principalOf(await ask(`Bearer ${token}`))).toEqual({
      id: 'alice@example.com',
      kind: 'person',
      groups: ['platform'],
      proofs: [
        {
          kind: 'jwt',
          issuer: 'https://idp.example',
          subject: 'subject-1',
          audience: ['talosgate'],
          tokenId: 'token-1',
          keyId: 'k1',
          algorithm: 'ES256',
          fingerprint: createHash('sha256').update(token).digest('hex'),
        },
      ],
      tokenSince: noon - 60_000,
      validUntil: noon + 605_000,
    });
  });

  it.each([
    ['no user', ''],
    ['the literal jwt', 'jwt'],
    ['the literal token', 'token'],
    ['the proven name, in another letter case', 'Alice@Example.com'],
  ])('takes the token as password of Basic with %s', async (_, user) => {
    expect(principalOf(await ask(basic(user, await sign(key)))).id).toBe('alice@example.com');
  });

  it('refuses Basic with the user name of somebody else', async () => {
    const refusal = refusalOf(await ask(basic('bob@example.com', await sign(key))));
    expect(refusal).toMatchObject({ reason: 'identities-differ', claimed: 'alice@example.com' });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['another audience', { aud: 'elsewhere' }, 'aud'],
    ['no audience', { aud: undefined }, 'aud'],
    ['another issuer', { iss: 'https://evil.example' }, 'issuer'],
    ['no issuer', { iss: undefined }, 'issuer'],
    ['an issuer that is no text', { iss: ['https://idp.example'] }, 'issuer'],
    ['no expiry', { exp: undefined }, 'exp'],
    ['an expiry that is no number', { exp: 'never' }, 'exp'],
    ['no time of issue', { iat: undefined }, 'iat'],
    ['a time of issue in the future', { iat: noon / 1000 + 60 }, 'iat'],
    ['a start in the future', { nbf: noon / 1000 + 60 }, 'nbf'],
    ['no name', { email: undefined }, 'email'],
    ['an unverified address', { email_verified: false }, 'not verified'],
    ['an address verified in words', { email_verified: 'true' }, 'not verified'],
    ['a name with a zero-width joiner', { email: 'ali\u200dce@example.com' }, 'email'],
    ['a name with the Kelvin sign', { email: '\u212aim@example.com' }, 'email'],
    ['groups that are no text', { groups: [{ admin: true }] }, 'groups'],
  ])('refuses a token with %s', async (_, claims, words) => {
    const refusal = refusalOf(await askWith(claims));
    expect(refusal.reason).toBe('bad-token');
    expect(refusal.message).toContain(words);
  });

  it('refuses an expired token as expired, and says whose it was', async () => {
    const refusal = refusalOf(await askWith({ exp: noon / 1000 - 6 }));
    expect(refusal).toMatchObject({ reason: 'expired', claimed: 'alice@example.com' });
  });

  it('forgives clock differences up to the tolerance', async () => {
    expect((await askWith({ exp: noon / 1000 - 4 })).kind).toBe('principal');
    expect((await askWith({ nbf: noon / 1000 + 4 })).kind).toBe('principal');
  });

  it('lets a token count no longer than max_age, whatever its expiry says', async () => {
    const longLived = { iat: noon / 1000 - 30, exp: noon / 1000 + 1_000_000 };
    expect(principalOf(await askWith(longLived, { max_age: 60_000 })).validUntil).toBe(noon + 35_000);
    const old = { ...longLived, iat: noon / 1000 - 66 };
    expect(refusalOf(await askWith(old, { max_age: 60_000 })).reason).toBe('expired');
  });

  it('refuses an unsigned token', async () => {
    const [, payload] = (await sign(key)).split('.');
    const header = Buffer.from('{"alg":"none"}').toString('base64url');
    expect(refusalOf(await ask(`Bearer ${header}.${payload ?? ''}.`)).reason).toBe('bad-token');
    expect(refusalOf(await ask(`Bearer ${header}.${payload ?? ''}.AA`)).message).toContain('algorithm');
  });

  it('refuses a token that uses the public key as a shared secret', async () => {
    const [, payload] = (await sign(key)).split('.');
    const header = Buffer.from('{"alg":"HS256","kid":"k1"}').toString('base64url');
    const text = `${header}.${payload ?? ''}`;
    const mac = createHmac('sha256', JSON.stringify(key.publicJwk)).update(text).digest('base64url');
    expect(refusalOf(await ask(`Bearer ${text}.${mac}`)).message).toContain('algorithm');
  });

  it('refuses a good signature by an algorithm outside the list', async () => {
    expect(refusalOf(await ask(`Bearer ${await sign(key)}`, { algorithms: ['RS256'] })).message).toContain('algorithm');
  });

  it('ignores a key that the token brings along', async () => {
    const stranger = await makeKey('k1');
    const token = await sign(stranger, {}, { jwk: stranger.publicJwk });
    expect(refusalOf(await ask(`Bearer ${token}`)).message).toBe('the token does not verify');
  });

  it('refuses a token whose content was changed', async () => {
    const [header, , signature] = (await sign(key)).split('.');
    const [, payload] = (await sign(key, { email: 'carol@example.com' })).split('.');
    const refusal = refusalOf(await ask(`Bearer ${header ?? ''}.${payload ?? ''}.${signature ?? ''}`));
    expect(refusal).toMatchObject({ reason: 'bad-token', claimed: 'carol@example.com' });
  });

  it('asks for the typ header where one is configured', async () => {
    const token = await sign(key, {}, { typ: 'at+jwt' });
    expect((await ask(`Bearer ${token}`, { type: 'at+jwt' })).kind).toBe('principal');
    expect(refusalOf(await ask(`Bearer ${await sign(key)}`, { type: 'at+jwt' })).message).toContain('typ');
  });

  it('maps nested claims, prefixes names and marks machines', async () => {
    const outcome = await askWith(
      { realm: { roles: ['ops'] }, sub: 'repo:deploy', use: 'ci' },
      {
        id_claim: 'sub',
        groups_claim: ['realm', 'roles'],
        id_prefix: 'git:',
        machine_when: { claim: 'use', equals: 'ci' },
      },
    );
    expect(principalOf(outcome)).toMatchObject({ id: 'git:repo:deploy', kind: 'machine', groups: ['git:ops'] });
  });

  it.each([
    ['an issuer with id_prefix brings no groups of others', { id_prefix: 'ci:' }, ['ci:talos-admins']],
    ['groups_prefix goes before id_prefix', { id_prefix: 'ci:', groups_prefix: 'build/' }, ['build/talos-admins']],
    ['groups_prefix works alone', { groups_prefix: 'okta:' }, ['okta:talos-admins']],
    ['an empty groups_prefix shares groups', { id_prefix: 'ci:', groups_prefix: '' }, ['talos-admins']],
    ['read_groups: false leaves groups out', { read_groups: false }, []],
  ])('%s', async (_, settings, groups) => {
    expect(principalOf(await askWith({ groups: ['talos-admins'] }, settings)).groups).toEqual(groups);
  });

  it('refuses a group that is too long with its prefix, and reads none that may be odd where none count', async () => {
    const long = { groups: ['x'.repeat(256)] };
    expect(refusalOf(await askWith(long, { id_prefix: 'ci:' })).reason).toBe('bad-token');
    expect(principalOf(await askWith(long, { id_prefix: 'ci:', read_groups: false })).groups).toEqual([]);
  });

  it('finds no claim that every object inherits', async () => {
    expect(principalOf(await askWith({}, { groups_claim: 'constructor' })).groups).toEqual([]);
    expect(refusalOf(await askWith({}, { id_claim: 'constructor' })).reason).toBe('bad-token');
  });

  it('refuses a remembered token once it expires', async () => {
    const clock = handClock();
    const authenticator = await createJwtAuthenticator({
      issuers: [issuerSettings({ file })],
      clock,
      onProblem: () => undefined,
    });
    const authorization = `Bearer ${await sign(key)}`;
    const now = () => authenticator.authenticate({ peer: peerWith(undefined), authorization });
    const first = principalOf(await now());
    clock.advance(604_999);
    expect(principalOf(await now())).toBe(first);
    clock.advance(1_001);
    expect(refusalOf(await now()).reason).toBe('expired');
  });

  it('never repeats a token in what it says', async () => {
    for (const token of [
      await sign(key, { aud: 'x' }),
      await sign(await makeKey('k2')),
      'aaaaaaaa.bbbbbbbb.cccccccc',
    ]) {
      const said = JSON.stringify(await ask(`Bearer ${token}`));
      for (const part of token.split('.')) expect(said).not.toContain(part);
    }
  });
});
