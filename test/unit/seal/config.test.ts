import { expect, test } from 'vitest';
import { sealingProblems } from '../../../src/seal/config.ts';
import { createSigner, generateKey } from '../../../src/tlog/note.ts';

test.each([
  ['https://witness.example.com/w', []],
  ['http://127.0.0.1:7070', []],
  ['http://[::1]:7070', []],
  ['http://localhost:7070', []],
  ['http://10.0.0.7:7070', ['anybody on the way could answer for this witness']],
  ['http://127.0.0.1.example.com', ['anybody on the way could answer for this witness']],
  ['https://', ['this is no address']],
])('a witness at %s: %j', (url, problems) => {
  const key = createSigner('witness.example.com', generateKey(), 'cosignature').verifier.vkey;
  const settings = {
    origin: 'gate.example.com/audit',
    key: generateKey(),
    state: '/tmp/state',
    witnesses: [{ url, key }],
  };
  expect(sealingProblems(settings).map(({ message }) => message)).toEqual(problems);
});
