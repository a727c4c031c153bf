import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authenticationFailures, type Credentials } from '../../../src/core/authentication.ts';
import { createIdentity } from '../../../src/identity/authenticate.ts';
import type { Authenticator } from '../../../src/identity/authenticator.ts';
import { createJwtAuthenticator } from '../../../src/identity/jwt.ts';
import { createMtlsAuthenticator } from '../../../src/identity/mtls.ts';
import { handClock, makeCertificate, peerWith } from '../../unit/identity/certificates.ts';
import { issuerSettings, makeKey, type SigningKey, sign } from './issuer.ts';

let directory: string;
let keyFile: string;
let revoked: string;
let key: SigningKey;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'talosgate-identity-'));
  keyFile = join(directory, 'keys.json');
  revoked = join(directory, 'revoked.txt');
  key = await makeKey('k1');
  await writeFile(keyFile, JSON.stringify({ keys: [key.publicJwk] }));
  await writeFile(revoked, '# nobody\n');
});
afterAll(() => rm(directory, { recursive: true }));

const subject = [{ from: 'email' as const }, { from: 'common_name' as const }];
const quiet = { onProblem: () => undefined };
const settings = () => ({ mtls: { subject, revoked }, jwt: [issuerSettings({ file: keyFile })] });

const nothing: Credentials = { peer: peerWith(undefined), authorization: undefined };
const certificateOf = async (email: string, more = {}) =>
  peerWith(await makeCertificate({ sans: [{ type: 'email', value: email }] }), more);
const tokenOf = async (email: string, claims = {}) => `Bearer ${await sign(key, { email, ...claims })}`;

interface Subject {
  readonly make: () => Promise<Authenticator>;
  readonly good: () => Promise<Credentials>;
  readonly bad: () => Promise<Credentials>;
}

const authenticators: Record<string, Subject> = {
  mtls: {
    make: () => createMtlsAuthenticator({ settings: settings().mtls, clock: handClock(), ...quiet }),
    good: async () => ({ ...nothing, peer: await certificateOf('alice@example.com') }),
    bad: async () => ({ ...nothing, peer: await certificateOf('alice@example.com', { chainVerified: false }) }),
  },
  jwt: {
    make: () => createJwtAuthenticator({ issuers: settings().jwt, clock: handClock(), ...quiet }),
    good: async () => ({ ...nothing, authorization: await tokenOf('alice@example.com') }),
    bad: async () => ({ ...nothing, authorization: await tokenOf('alice@example.com', { aud: 'elsewhere' }) }),
  },
};

describe.each(Object.entries(authenticators))('authenticator %s', (name, { make, good, bad }) => {
  it('carries its name', async () => {
    expect((await make()).name).toBe(name);
  });

  it('answers none when nothing of its kind is presented', async () => {
    expect(await (await make()).authenticate(nothing)).toEqual({ kind: 'none' });
  });

  it('proves the caller when its kind is presented and good', async () => {
    const outcome = await (await make()).authenticate(await good());
    expect(outcome).toMatchObject({ kind: 'principal', principal: { id: 'alice@example.com', kind: 'person' } });
    expect(outcome.kind === 'principal' && outcome.principal.proofs.map(proof => proof.kind)).toEqual([name]);
    expect(outcome.kind === 'principal' && outcome.principal.validUntil).toBeGreaterThan(handClock().now());
  });

  it('fails, from the closed list and without a word that talosctl answers with its usage text, when it is bad', async () => {
    const outcome = await (await make()).authenticate(await bad());
    expect(outcome).toMatchObject({ kind: 'failed', claimed: 'alice@example.com' });
    if (outcome.kind !== 'failed') return;
    expect(authenticationFailures).toContain(outcome.reason);
    expect(outcome.message).not.toMatch(/arg\(s\)|flag|command/);
  });
});

describe('createIdentity', () => {
  it('accepts a certificate and a token of the same person, with the groups of both', async () => {
    const identity = await createIdentity(settings(), handClock());
    const peer = peerWith(
      await makeCertificate({ subject: 'CN=x,O=on-call', sans: [{ type: 'email', value: 'Alice@example.com' }] }),
    );
    const answer = await identity.authenticate({ peer, authorization: await tokenOf('alice@EXAMPLE.com') });
    expect(answer).toMatchObject({
      ok: true,
      principal: { id: 'alice@example.com', groups: ['on-call', 'platform'] },
    });
    expect(answer.ok && answer.principal.proofs.map(proof => proof.kind)).toEqual(['mtls', 'jwt']);
  });

  it('refuses a certificate and a token of different people', async () => {
    const identity = await createIdentity(settings(), handClock());
    const answer = await identity.authenticate({
      peer: await certificateOf('alice@example.com'),
      authorization: await tokenOf('bob@example.com'),
    });
    expect(answer).toMatchObject({ ok: false, reason: 'identities-differ' });
  });

  it('refuses an unverified certificate beside a good token', async () => {
    const identity = await createIdentity(settings(), handClock());
    const answer = await identity.authenticate({
      peer: await certificateOf('alice@example.com', { chainVerified: false, chainError: 'SELF_SIGNED' }),
      authorization: await tokenOf('alice@example.com'),
    });
    expect(answer).toMatchObject({ ok: false, reason: 'bad-certificate' });
  });

  it('refuses a bad token beside a good certificate', async () => {
    const identity = await createIdentity(settings(), handClock());
    const answer = await identity.authenticate({
      peer: await certificateOf('alice@example.com'),
      authorization: await tokenOf('alice@example.com', { aud: 'elsewhere' }),
    });
    expect(answer).toMatchObject({ ok: false, reason: 'bad-token' });
  });

  it('refuses a certificate within a second of its being revoked, on the same connection', async () => {
    const clock = handClock();
    const identity = await createIdentity(settings(), clock);
    const peer = await certificateOf('alice@example.com');
    const ask = () => identity.authenticate({ peer, authorization: undefined });
    const before = await ask();
    const proof = before.ok ? before.principal.proofs[0] : undefined;
    await writeFile(`${revoked}.new`, `${proof?.fingerprint ?? ''} # left the company\n`);
    await rename(`${revoked}.new`, revoked);
    clock.advance(1_000);
    expect(await ask()).toMatchObject({ ok: false, reason: 'bad-certificate', claimed: 'alice@example.com' });
    await rm(revoked);
    clock.advance(1_000);
    expect((await ask()).ok).toBe(false);
    await writeFile(revoked, '# nobody\n');
    clock.advance(1_000);
    expect((await ask()).ok).toBe(true);
  });
});
