import { beforeAll, describe, expect, it } from 'vitest';
import { type Authority, createAuthority, type Leaf } from '../../../src/cli/pki/authority.ts';
import {
  checkAuthorities,
  checkGatewayCertificate,
  checkServerCertificate,
  type PemProblem,
} from '../../../src/config/certificates.ts';
import { handClock, noon } from '../identity/certificates.ts';

const day = 24 * 3_600_000;
const said = (problems: PemProblem[]) => problems.map(({ severity, message }) => `${severity}: ${message}`);

let authority: Authority;
let server: Leaf;
let gateway: Leaf;

beforeAll(async () => {
  authority = await createAuthority({ name: 'talos', clock: handClock(), algorithm: 'ed25519', leafDays: 100 });
  server = await authority.issueServer('gate', ['127.0.0.1']);
  gateway = await authority.issueClient({ commonName: 'gate', organizations: ['os:impersonator'] });
});

describe('checkServerCertificate', () => {
  const check = (leaf: Leaf, now = noon) => said(checkServerCertificate(leaf.certificate, leaf.key, now));

  it('has nothing against a good pair', () => {
    expect(check(server)).toEqual([]);
  });

  it('reads a key under the label that Talos gives Ed25519 keys', () => {
    expect(check({ ...server, key: server.key.replaceAll('PRIVATE KEY', 'ED25519 PRIVATE KEY') })).toEqual([]);
  });

  it('finds the key of another certificate, and a key that is none', () => {
    expect(check({ ...server, key: gateway.key })).toEqual(['error: the private key belongs to another certificate']);
    expect(check({ ...server, key: 'hello' })).toEqual(['error: its private key cannot be read']);
  });

  it('finds a certificate without name and for clients', () => {
    expect(check(gateway)).toEqual([
      'error: the certificate is not for servers (extended key usage serverAuth is missing)',
      'error: the certificate has no subject alternative name; talosctl compares nothing else',
    ]);
  });

  it('finds a certificate before, after and near the end of its time', () => {
    expect(check(server, noon - day)[0]).toMatch(/^error: .* is not valid before 2026-06-01/);
    expect(check(server, noon + 100 * day)[0]).toMatch(/^error: .* expired on 2026-09-09/);
    expect(check(server, noon + 87 * day)[0]).toMatch(/^warning: .* expires on 2026-09-09/);
    expect(check(server, noon + 85 * day)).toEqual([]);
  });

  it('finds files without certificate, and blocks that are none', () => {
    expect(check({ ...server, certificate: 'hello' })).toEqual(['error: there is no certificate in this file']);
    const broken = '\n\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    expect(checkServerCertificate(broken, server.key, noon)).toMatchObject([{ line: 3, severity: 'error' }]);
  });
});

describe('checkAuthorities', () => {
  it('takes a bundle of authorities only, and says on which line another stands', () => {
    expect(checkAuthorities(authority.certificate + authority.certificate, noon)).toEqual([]);
    const lines = authority.certificate.split('\n').length;
    expect(checkAuthorities(authority.certificate + server.certificate, noon)).toMatchObject([
      { severity: 'error', line: lines, message: expect.stringContaining('CN=gate') as string },
    ]);
  });
});

describe('checkGatewayCertificate', () => {
  const check = (leaf: Leaf, issuer = authority) =>
    said(checkGatewayCertificate(leaf.certificate, leaf.key, issuer.certificate, noon));
  const client = (...organizations: string[]) => authority.issueClient({ commonName: 'gate', organizations });

  it('has nothing against os:impersonator with exactly clientAuth', () => {
    expect(check(gateway)).toEqual([]);
  });

  it('warns about os:admin, and refuses a certificate without os:impersonator', async () => {
    expect(check(await client('os:admin', 'os:impersonator'))).toEqual([
      expect.stringContaining('warning: with os:admin'),
    ]);
    expect(check(await client('os:reader'))).toEqual([expect.stringContaining('error: the certificate does not')]);
  });

  it('refuses a server certificate', () => {
    expect(check(server)[0]).toBe(
      'error: Talos takes certificates with the extended key usage clientAuth and no other',
    );
  });

  it('warns when another authority has issued it', async () => {
    const other = await createAuthority({ name: 'talos', clock: handClock() });
    expect(check(gateway, other)).toEqual([expect.stringContaining('warning: no certificate in talos_ca')]);
  });
});
