import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { makePki } from '../../../src/cli/pki/pki.ts';
import { writeTalosconfig } from '../../../src/cli/pki/talosconfig.ts';
import { createTokenSigner } from '../../../src/cli/pki/token-signer.ts';
import { createIdentity } from '../../../src/identity/authenticate.ts';
import { issuerSettings } from '../../integration/identity/issuer.ts';
import { handClock, noon, peerWith } from '../identity/certificates.ts';

describe.each(['p256', 'ed25519'] as const)('makePki with %s', algorithm => {
  const make = () =>
    makePki({
      clock: handClock(),
      algorithm,
      gatewayNames: ['127.0.0.1', '::1', 'gate.example.com'],
      users: [{ name: 'alice@example.com', groups: ['a', 'b'] }, { name: 'ci' }],
      nodes: [{ name: 'w1', names: ['10.0.0.1', 'w1'] }],
    });

  it('gives every leaf the usage of its job, and no other', async () => {
    const pki = await make();
    const usages = (pem: string) => new X509Certificate(pem).keyUsage;
    expect(usages(pki.gateway.certificate)).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(usages(pki.nodes.get('w1')?.certificate ?? '')).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(usages(pki.upstream.certificate)).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(usages(pki.users.get('ci')?.certificate ?? '')).toEqual(['1.3.6.1.5.5.7.3.2']);
  });

  it('keeps the two authorities apart', async () => {
    const pki = await make();
    const isFrom = (leaf: string, ca: string) =>
      new X509Certificate(leaf).checkIssued(new X509Certificate(ca)) &&
      new X509Certificate(leaf).verify(new X509Certificate(ca).publicKey);
    const user = pki.users.get('ci')?.certificate ?? '';
    expect(isFrom(user, pki.clientCa.certificate)).toBe(true);
    expect(isFrom(user, pki.talosCa.certificate)).toBe(false);
    expect(isFrom(pki.upstream.certificate, pki.talosCa.certificate)).toBe(true);
    expect(new X509Certificate(pki.clientCa.certificate).ca).toBe(true);
    expect(new X509Certificate(user).ca).toBe(false);
  });

  it('names people by address, groups and nodes by all their names', async () => {
    const pki = await make();
    const alice = new X509Certificate(pki.users.get('alice@example.com')?.certificate ?? '');
    expect(alice.subjectAltName).toBe('email:alice@example.com');
    expect(alice.toLegacyObject().subject.O).toEqual(['a', 'b']);
    const node = new X509Certificate(pki.nodes.get('w1')?.certificate ?? '');
    expect(node.subjectAltName).toBe('DNS:w1, IP Address:10.0.0.1');
    expect(new X509Certificate(pki.upstream.certificate).toLegacyObject().subject.O).toBe('os:impersonator');
  });

  it('gives keys that fit, a serial that is positive, and dates by the clock', async () => {
    const pki = await make();
    const certificate = new X509Certificate(pki.gateway.certificate);
    expect(certificate.checkPrivateKey(createPrivateKey(pki.gateway.key))).toBe(true);
    expect(certificate.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
    expect(certificate.validFromDate.getTime()).toBe(noon - 300_000);
    expect(certificate.validToDate.getTime()).toBe(noon + 365 * 24 * 3_600_000);
  });
});

describe('createTokenSigner', () => {
  it('signs tokens that the gateway takes with the published keys', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'talosgate-signer-'));
    const file = join(directory, 'keys.json');
    const signer = await createTokenSigner({
      issuer: 'https://idp.example',
      audience: 'talosgate',
      clock: handClock(),
    });
    expect(signer.keySet).not.toContain('"d"');
    await writeFile(file, signer.keySet);
    const identity = await createIdentity({ jwt: [issuerSettings({ file })] }, handClock());
    await rm(directory, { recursive: true });
    const token = await signer.sign({ email: 'bob@example.com', groups: ['ops'], seconds: 600 });
    const basic = Buffer.from(`bob@example.com:${token}`).toString('base64');
    const answer = await identity.authenticate({ peer: peerWith(undefined), authorization: `Basic ${basic}` });
    expect(answer).toMatchObject({
      ok: true,
      principal: { id: 'bob@example.com', groups: ['ops'], validUntil: noon + 605_000 },
    });
  });
});

describe('writeTalosconfig', () => {
  const base = { context: 'gate', endpoints: ['gate.example.com'], ca: 'CA PEM\n' };

  it('writes a certificate as base64 of its PEM', () => {
    const text = writeTalosconfig({
      ...base,
      nodes: ['w1'],
      cluster: 'main',
      credential: { kind: 'certificate', certificate: 'CRT', key: 'KEY' },
    });
    expect(parse(text)).toEqual({
      context: 'gate',
      contexts: {
        gate: {
          endpoints: ['gate.example.com'],
          nodes: ['w1'],
          ca: 'Q0EgUEVNCg==',
          crt: 'Q1JU',
          key: 'S0VZ',
          cluster: 'main',
        },
      },
    });
  });

  it('writes a token as password of Basic, without certificate, on one line', () => {
    const token = `${'a'.repeat(300)}.${'b'.repeat(300)}.c`;
    const text = writeTalosconfig({ ...base, credential: { kind: 'token', user: 'bob@example.com', token } });
    expect(parse(text)).toEqual({
      context: 'gate',
      contexts: {
        gate: {
          endpoints: ['gate.example.com'],
          ca: 'Q0EgUEVNCg==',
          auth: { basic: { username: 'bob@example.com', password: token } },
        },
      },
    });
    expect(text).toContain(`password: ${token}\n`);
  });
});
