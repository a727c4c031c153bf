import { expect, test } from 'vitest';
import { maskSecrets } from '../../../src/core/mask-secrets.ts';

test.each([
  ['dial https://bob:hunter2@registry.example.com/v2: refused', 'dial https://***@registry.example.com/v2: refused'],
  ['token=hunter2 expired', 'token=*** expired'],
  ['{"password": "hunter2"}', '{"password": "***"}'],
  ['got Bearer hunter2.a.b', 'got Bearer ***'],
  ['key -----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY----- bad', 'key *** bad'],
  ['cut -----BEGIN PRIVATE KEY-----\nhunter2', 'cut ***'],
  [`value ${'aB3'.repeat(12)} is wrong`, 'value *** is wrong'],
])('%s is masked', (text, masked) => {
  expect(maskSecrets(text)).toBe(masked);
});

test.each([
  'open /var/log/pods/kube-system_kube-apiserver/1.log: no such file or directory',
  `image example.com/tools@sha256:${'0a'.repeat(32)} not found`,
  'rpc error: code = Unavailable desc = connection refused',
])('%s stays as it is', text => {
  expect(maskSecrets(text)).toBe(text);
});
