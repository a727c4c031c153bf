import { createPrivateKey, X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { SimAuthority } from '../../../src/sim/pki/authority.ts';
import { createClusterSecrets } from '../../../src/sim/pki/cluster-secrets.ts';
import { createSeededClock } from '../../talosctl/support/seeded-clock.ts';

const day = 24 * 3_600_000;

test('SimAuthority signs itself and its clients', () => {
  const authority = new SimAuthority(systemClock, 'talos');
  const root = new X509Certificate(authority.pem.crt);
  expect(root.ca).toBe(true);
  expect(root.subject).toBe('O=talos');
  expect(root.checkIssued(root)).toBe(true);
  const wish = { commonName: 'admin', organizations: ['system:masters', 'second'], lifetime: 400 * day };
  const issued = authority.issueClient(wish);
  const leaf = new X509Certificate(issued.crt);
  expect(leaf.subject).toBe('O=system:masters\nO=second\nCN=admin');
  expect(leaf.checkIssued(root)).toBe(true);
  expect(leaf.verify(root.publicKey)).toBe(true);
  expect(leaf.checkPrivateKey(createPrivateKey(issued.key))).toBe(true);
  expect(leaf.ca).toBe(false);
  expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  expect(Date.parse(leaf.validTo) - Date.now()).toBeGreaterThan(399 * day);
  expect(Date.parse(leaf.validFrom)).toBeLessThanOrEqual(Date.now());
});

test('SimAuthority writes dates beyond 2049 with four digits', () => {
  const authority = new SimAuthority(systemClock, '');
  const leaf = new X509Certificate(
    authority.issueClient({ commonName: 'x', organizations: [], lifetime: 40 * 365 * day }).crt,
  );
  expect(new Date(leaf.validTo).getUTCFullYear()).toBeGreaterThan(2049);
});

test('createClusterSecrets makes the same of the same randomness', () => {
  const [one, other] = [createClusterSecrets(createSeededClock()), createClusterSecrets(createSeededClock())];
  expect(one.os.pem).toEqual(other.os.pem);
  expect(one.serviceAccountKey).toBe(other.serviceAccountKey);
  expect(createPrivateKey(one.serviceAccountKey).asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
});
