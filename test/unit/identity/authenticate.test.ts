import { describe, expect, it } from 'vitest';
import type { Principal } from '../../../src/core/principal.ts';
import { authenticate, createIdentity } from '../../../src/identity/authenticate.ts';
import { type Authenticator, failed, type Outcome } from '../../../src/identity/authenticator.ts';
import { handClock, makeCertificate, peerWith } from './certificates.ts';

const credentials = { peer: peerWith(undefined), authorization: undefined };

function principal(more: Partial<Principal> = {}): Principal {
  return { id: 'alice', kind: 'person', groups: [], proofs: [], validUntil: 10, ...more };
}

function answering(outcome: Outcome | Error, asked: string[] = [], name = 'test'): Authenticator {
  return {
    name,
    authenticate: () => {
      asked.push(name);
      return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
    },
  };
}

const proves = (more?: Partial<Principal>) => answering({ kind: 'principal', principal: principal(more) });

describe('authenticate', () => {
  it('refuses a caller without any credential', async () => {
    const answer = await authenticate([answering({ kind: 'none' })], credentials, () => undefined);
    expect(answer).toMatchObject({ ok: false, reason: 'no-credential', claimed: undefined });
  });

  it('stops at the first failure, even after a good credential, and asks nobody else', async () => {
    const asked: string[] = [];
    const answer = await authenticate(
      [
        proves(),
        answering(failed('bad-token', 'no', 'bob'), asked, 'second'),
        answering({ kind: 'none' }, asked, 'third'),
      ],
      credentials,
      () => undefined,
    );
    expect(answer).toEqual({ ok: false, reason: 'bad-token', message: 'no', claimed: 'bob' });
    expect(asked).toEqual(['second']);
  });

  it('adds groups and proofs of credentials that name the same caller, and takes the shorter validity', async () => {
    const tokenProof = { kind: 'mtls', fingerprint: 'f', serial: '1', issuer: 'i' } as const;
    const answer = await authenticate(
      [
        proves({ groups: ['a', 'b'], validUntil: 20, proofs: [tokenProof] }),
        proves({ groups: ['b', 'c'], validUntil: 10, proofs: [tokenProof] }),
      ],
      credentials,
      () => undefined,
    );
    expect(answer.ok && answer.principal).toEqual(
      principal({ groups: ['a', 'b', 'c'], validUntil: 10, proofs: [tokenProof, tokenProof] }),
    );
  });

  it.each<[string, Partial<Principal>]>([
    ['names', { id: 'bob' }],
    ['kinds of caller', { kind: 'machine' }],
  ])('refuses credentials that differ in their %s', async (_, more) => {
    const answer = await authenticate([proves(), proves(more)], credentials, () => undefined);
    expect(answer).toMatchObject({ ok: false, reason: 'identities-differ', claimed: 'alice' });
  });

  it('refuses when an authenticator breaks, and tells the operator only', async () => {
    const told: string[] = [];
    const answer = await authenticate([answering(new Error('inner detail'))], credentials, text => told.push(text));
    expect(answer).toMatchObject({ ok: false, reason: 'bad-token' });
    expect(JSON.stringify(answer)).not.toContain('inner');
    expect(told).toEqual(['test: inner detail']);
  });
});

describe('createIdentity', () => {
  const mtls = { subject: [{ from: 'common_name' as const }] };

  it('does not start when nobody could log in', async () => {
    await expect(createIdentity({ jwt: [] }, handClock())).rejects.toMatchObject({ code: 'bad-config' });
  });

  it('proves a caller by certificate alone', async () => {
    const identity = await createIdentity({ mtls, jwt: [] }, handClock());
    const answer = await identity.authenticate({ peer: peerWith(await makeCertificate()), authorization: undefined });
    expect(answer).toMatchObject({ ok: true, principal: { id: 'alice' } });
    await identity.close();
  });

  it('refuses a good certificate that comes with a token nobody can judge', async () => {
    const identity = await createIdentity({ mtls, jwt: [] }, handClock());
    const answer = await identity.authenticate({
      peer: peerWith(await makeCertificate()),
      authorization: 'Bearer a.b.c',
    });
    expect(answer).toMatchObject({ ok: false, reason: 'bad-token' });
  });
});
