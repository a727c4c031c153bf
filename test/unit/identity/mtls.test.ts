import 'reflect-metadata';
import { createHash, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Peer } from '../../../src/core/authentication.ts';
import type { Outcome } from '../../../src/identity/authenticator.ts';
import type { MtlsSettings } from '../../../src/identity/config.ts';
import { createMtlsAuthenticator } from '../../../src/identity/mtls.ts';
import { clientAuth, handClock, makeCertificate, noon, peerWith, serverAuth } from './certificates.ts';

const byDefault: MtlsSettings = { subject: [{ from: 'uri' }, { from: 'email' }, { from: 'common_name' }] };

async function ask(peer: Peer, settings: MtlsSettings | undefined = byDefault, clock = handClock()): Promise<Outcome> {
  const authenticator = await createMtlsAuthenticator({ settings, clock, onProblem: () => undefined });
  return authenticator.authenticate({ peer, authorization: undefined });
}

function principalOf(outcome: Outcome): { id: string; kind: string; groups: readonly string[] } {
  if (outcome.kind !== 'principal') throw new Error(`refused: ${JSON.stringify(outcome)}`);
  const { id, kind, groups } = outcome.principal;
  return { id, kind, groups };
}

function refusalOf(outcome: Outcome): { reason: string; message: string; claimed: string | undefined } {
  if (outcome.kind !== 'failed') throw new Error(`not refused: ${JSON.stringify(outcome)}`);
  return outcome;
}

describe('createMtlsAuthenticator', () => {
  it('takes the name from the common name and the groups from the organizations', async () => {
    const der = await makeCertificate({ subject: 'CN=alice,O=platform,O=on-call' });
    expect(principalOf(await ask(peerWith(der)))).toEqual({
      id: 'alice',
      kind: 'person',
      groups: ['platform', 'on-call'],
    });
  });

  it('states the certificate as proof, by SHA-256 of its public key, serial and issuer', async () => {
    const der = await makeCertificate({ serial: '0badcafe' });
    const spki = new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' });
    const outcome = await ask(peerWith(der));
    expect(outcome.kind === 'principal' && outcome.principal.proofs).toEqual([
      {
        kind: 'mtls',
        fingerprint: createHash('sha256').update(spki).digest('hex'),
        serial: '0badcafe',
        issuer: 'CN=alice, O=platform',
      },
    ]);
    expect(outcome.kind === 'principal' && outcome.principal.validUntil).toBe(noon + 3_600_000);
  });

  it('prefers the URI, then the e-mail address, then the common name', async () => {
    const sans: x509.JsonGeneralNames = [
      { type: 'dns', value: 'ignored.example' },
      { type: 'email', value: 'Alice@Example.com' },
      { type: 'url', value: 'spiffe://example.org/alice' },
    ];
    expect(principalOf(await ask(peerWith(await makeCertificate({ sans })))).id).toBe('spiffe://example.org/alice');
    const withoutUri = await makeCertificate({ sans: sans.slice(0, 2) });
    expect(principalOf(await ask(peerWith(withoutUri))).id).toBe('alice@example.com');
  });

  it('follows the configured order', async () => {
    const der = await makeCertificate({ sans: [{ type: 'email', value: 'alice@example.com' }] });
    const outcome = await ask(peerWith(der), { subject: [{ from: 'common_name' }, { from: 'email' }] });
    expect(principalOf(outcome).id).toBe('alice');
  });

  it('tells machines from people by prefix, whichever prefix is longer', async () => {
    const settings: MtlsSettings = {
      subject: [{ from: 'uri', prefix: 'spiffe://x/', machine_prefix: 'spiffe://x/machine/' }],
    };
    const named = async (value: string) =>
      principalOf(await ask(peerWith(await makeCertificate({ sans: [{ type: 'url', value }] })), settings));
    expect(await named('spiffe://x/machine/ci-deploy')).toMatchObject({ id: 'ci-deploy', kind: 'machine' });
    expect(await named('spiffe://x/alice')).toMatchObject({ id: 'alice', kind: 'person' });
  });

  it('refuses a value outside the prefixes and does not fall back to a later kind of name', async () => {
    const der = await makeCertificate({ sans: [{ type: 'url', value: 'spiffe://elsewhere/alice' }] });
    const outcome = await ask(peerWith(der), {
      subject: [{ from: 'uri', prefix: 'spiffe://x/' }, { from: 'common_name' }],
    });
    expect(refusalOf(outcome).reason).toBe('bad-certificate');
  });

  it.each<[string, x509.JsonGeneralNames | undefined, string]>([
    [
      'two URIs',
      [
        { type: 'url', value: 'a:b' },
        { type: 'url', value: 'a:c' },
      ],
      'CN=x',
    ],
    [
      'two e-mail addresses',
      [
        { type: 'email', value: 'a@x' },
        { type: 'email', value: 'b@x' },
      ],
      'CN=x',
    ],
    ['two common names', undefined, 'CN=a,CN=b'],
    ['two common names in one part', undefined, 'CN=a+CN=b'],
  ])('refuses %s as ambiguous', async (_, sans, subject) => {
    const der = await makeCertificate({ subject, ...(sans === undefined ? {} : { sans }) });
    expect(refusalOf(await ask(peerWith(der))).message).toContain('more than one');
  });

  it.each([
    ['no name at all', { subject: 'O=platform' }],
    ['a control character', { subject: [{ CN: ['ali\u0000ce'] }] }],
    ['a line break', { subject: [{ CN: ['alice\nbob'] }] }],
    ['a text direction mark', { subject: [{ CN: ['alice\u202e'] }] }],
    ['a look-alike spelling', { subject: [{ CN: ['\uff41lice'] }] }],
    ['257 characters', { subject: [{ CN: ['a'.repeat(257)] }] }],
    ['a blank at the end', { subject: [{ CN: ['alice '] }] }],
  ])('refuses a name with %s', async (_, { subject }) => {
    const der = await makeCertificate({ subject: subject as string });
    expect(refusalOf(await ask(peerWith(der))).reason).toBe('bad-certificate');
  });

  it('accepts a name of 256 characters', async () => {
    const der = await makeCertificate({ subject: `CN=${'a'.repeat(256)}` });
    expect(principalOf(await ask(peerWith(der))).id).toHaveLength(256);
  });

  it.each<[string, readonly string[]]>([
    ['serverAuth', [serverAuth]],
    ['clientAuth and serverAuth', [clientAuth, serverAuth]],
    ['no extended key usage', []],
    ['anyExtendedKeyUsage', ['2.5.29.37.0']],
  ])('refuses a certificate for %s', async (_, usages) => {
    const outcome = refusalOf(await ask(peerWith(await makeCertificate({ usages }))));
    expect(outcome).toMatchObject({ reason: 'bad-certificate', claimed: 'alice' });
    expect(outcome.message).toContain('clientAuth');
  });

  it('refuses the certificate of an authority', async () => {
    const der = await makeCertificate({ authority: true });
    expect(refusalOf(await ask(peerWith(der))).message).toContain('authority');
  });

  it('refuses a certificate that carries an extension twice', async () => {
    const second = new x509.SubjectAlternativeNameExtension([{ type: 'email', value: 'bob@x' }]);
    const der = await makeCertificate({ sans: [{ type: 'email', value: 'alice@x' }], extensions: [second] });
    expect(refusalOf(await ask(peerWith(der))).reason).toBe('bad-certificate');
  });

  it('refuses a certificate that TLS did not verify, and reports who it claims', async () => {
    const der = await makeCertificate();
    const peer = peerWith(der, { chainVerified: false, chainError: 'UNABLE_TO_GET_ISSUER_CERT' });
    expect(refusalOf(await ask(peer))).toMatchObject({ reason: 'bad-certificate', claimed: 'alice' });
    const expired = peerWith(der, { chainVerified: false, chainError: 'CERT_HAS_EXPIRED' });
    expect(refusalOf(await ask(expired)).reason).toBe('expired');
  });

  it('refuses a certificate that expires while its connection lasts', async () => {
    const clock = handClock();
    const authenticator = await createMtlsAuthenticator({ settings: byDefault, clock, onProblem: () => undefined });
    const peer = peerWith(await makeCertificate());
    const now = () => authenticator.authenticate({ peer, authorization: undefined });
    expect((await now()).kind).toBe('principal');
    clock.advance(3_599_999);
    expect((await now()).kind).toBe('principal');
    clock.advance(1);
    expect(refusalOf(await now())).toMatchObject({ reason: 'expired', claimed: 'alice' });
  });

  it('refuses a certificate that is not valid yet', async () => {
    const der = await makeCertificate({ notBefore: noon + 60_000 });
    expect(refusalOf(await ask(peerWith(der))).message).toContain('not valid yet');
  });

  it('refuses any certificate when certificates are not a way in', async () => {
    const authenticator = await createMtlsAuthenticator({
      settings: undefined,
      clock: handClock(),
      onProblem: () => undefined,
    });
    const peer = peerWith(await makeCertificate());
    expect(refusalOf(await authenticator.authenticate({ peer, authorization: undefined })).reason).toBe(
      'bad-certificate',
    );
  });

  it('refuses, and never throws, whatever stands in place of a certificate', async () => {
    const good = await makeCertificate({ sans: [{ type: 'email', value: 'alice@example.com' }] });
    const authenticator = await createMtlsAuthenticator({
      settings: byDefault,
      clock: handClock(),
      onProblem: () => undefined,
    });
    const damaged = fc.tuple(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length)).map(([at, value, end]) => {
      const copy = Buffer.from(good);
      copy.writeUInt8(value, at);
      return copy.subarray(0, end);
    });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          damaged,
          fc.uint8Array().map(bytes => Buffer.from(bytes)),
        ),
        async der => {
          fc.pre(!der.equals(good));
          const outcome = await authenticator.authenticate({
            peer: peerWith(der, { chainVerified: false }),
            authorization: undefined,
          });
          expect(outcome.kind).toBe('failed');
        },
      ),
      { numRuns: 300 },
    );
    const huge = Buffer.concat([good, Buffer.alloc(40_000)]);
    expect(refusalOf(await ask(peerWith(huge))).message).toContain('cannot be read');
  });
});
