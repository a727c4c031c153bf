import { describe, expect, test } from 'vitest';
import {
  checkpointText,
  cosign,
  cosignedAt,
  openCheckpoint,
  parseCheckpoint,
  parseCheckpointText,
  signCheckpoint,
} from '../../../src/tlog/checkpoint.ts';
import { leafHash } from '../../../src/tlog/merkle.ts';
import {
  createSigner,
  generateKey,
  isSignedBy,
  parseNote,
  parseSignatureLines,
  parseVerifier,
  signNote,
} from '../../../src/tlog/note.ts';

const origin = 'gate.example/audit';
const log = createSigner(origin, generateKey(), 'note');
const witness = createSigner('witness.example/w1', generateKey(), 'cosignature');
const checkpoint = { origin, size: 70_000, root: leafHash(Buffer.from('x')) };

describe('notes', () => {
  test('of the specification verify with its key', () => {
    const note =
      'This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n';
    const verifier = parseVerifier('example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k');
    expect(isSignedBy(parseNote(note), verifier)).toBe(true);
    expect(isSignedBy(parseNote(note.replace('example message', 'exbmple message')), verifier)).toBe(false);
  });

  test('count for their key only, under its name', () => {
    const note = signNote('text\n', log);
    expect(isSignedBy(parseNote(note), log.verifier)).toBe(true);
    expect(isSignedBy(parseNote(note), createSigner(origin, generateKey(), 'note').verifier)).toBe(false);
    expect(isSignedBy(parseNote(note.replace(origin, 'gate.example/other')), log.verifier)).toBe(false);
  });

  test('with a wrong signature beside a right one by the same key do not count', () => {
    const note = signNote('text\n', log);
    const other = signNote('other\n', log).split('\n\n')[1] ?? '';
    expect(isSignedBy(parseNote(note + other), log.verifier)).toBe(false);
  });

  test.each([
    ['no signature', 'text\n'],
    ['an unfinished line', 'text\n\n\u2014 a AAAAAAAA'],
    ['a control character', 'te\u0007xt\n\n\u2014 a AAAAAAAA\n'],
    ['a blank in the name', 'text\n\n\u2014 a b AAAAAAAA\n'],
    ['a signature shorter than its key id', 'text\n\n\u2014 a AAAA\n'],
  ])('with %s are refused', (_, note) => {
    expect(() => parseNote(note)).toThrow();
  });

  test('are read with up to 64 signatures', () => {
    const line = signNote('text\n', log).split('\n\n')[1] ?? '';
    expect(parseSignatureLines(line.repeat(64))).toHaveLength(64);
    expect(() => parseSignatureLines(line.repeat(65))).toThrow();
  });
});

describe('verifier keys', () => {
  test('lead back to the same key', () => {
    for (const { verifier } of [log, witness]) {
      const parsed = parseVerifier(verifier.vkey);
      expect([parsed.name, parsed.keyId, parsed.type]).toEqual([verifier.name, verifier.keyId, verifier.type]);
      expect(parsed.publicKey.equals(verifier.publicKey)).toBe(true);
    }
  });

  test('are refused under another name, cut, or of another kind', () => {
    expect(() => parseVerifier(log.verifier.vkey.replace(origin, 'gate.example/b'))).toThrow(/key id/);
    expect(() => parseVerifier(log.verifier.vkey.slice(0, -8))).toThrow(/verifier key/);
    expect(() => parseVerifier('a+00000000+AgAA')).toThrow(/verifier key/);
  });

  test('come from Ed25519 keys in PEM, under a name without blanks', () => {
    expect(() => createSigner(origin, 'no key', 'note')).toThrow(/PEM/);
    expect(() => createSigner('a b', generateKey(), 'note')).toThrow(/blank/);
  });
});

describe('checkpoints', () => {
  test('are origin, size and root, signed the same way each time', () => {
    const note = signCheckpoint(checkpoint, log);
    expect(note).toBe(signCheckpoint(checkpoint, log));
    expect(note.split('\n').slice(0, 3)).toEqual([origin, '70000', checkpoint.root.toString('base64')]);
    expect(openCheckpoint(note, log.verifier)).toMatchObject(checkpoint);
    expect(parseCheckpoint(note)).toMatchObject(checkpoint);
  });

  test('do not count for another log, or changed', () => {
    const note = signCheckpoint(checkpoint, log);
    expect(openCheckpoint(note.replace('70000', '70001'), log.verifier)).toBeUndefined();
    expect(openCheckpoint(signCheckpoint({ ...checkpoint, origin: 'other' }, log), log.verifier)).toBeUndefined();
    expect(openCheckpoint('nonsense', log.verifier)).toBeUndefined();
  });

  test('may carry further lines', () => {
    expect(parseCheckpointText(`${checkpointText(checkpoint)}more\n`)).toEqual(checkpoint);
  });

  test.each(['', 'a\n1\n', 'a\n01\nAAAA\n', '\n1\nAAAA\n', `a\n1\n${'A'.repeat(44)}`, 'a\n99999999999999999\nAAAA\n'])(
    'are not %j',
    text => {
      expect(() => parseCheckpointText(text)).toThrow(/not a checkpoint/);
    },
  );
});

describe('cosignatures', () => {
  const text = checkpointText(checkpoint);
  const signatures = parseSignatureLines(cosign(text, 1_700_000_000, witness));

  test('say when the witness saw the checkpoint', () => {
    expect(cosignedAt(text, signatures, witness.verifier)).toBe(1_700_000_000);
  });

  test('do not count for another text, time or witness', () => {
    expect(cosignedAt(checkpointText({ ...checkpoint, size: 1 }), signatures, witness.verifier)).toBeUndefined();
    const later = signatures.map(one => ({ ...one, bytes: Buffer.from(one.bytes) }));
    later[0]?.bytes.writeBigUInt64BE(1_700_000_001n);
    expect(cosignedAt(text, later, witness.verifier)).toBeUndefined();
    const cut = signatures.map(one => ({ ...one, bytes: one.bytes.subarray(0, 64) }));
    expect(cosignedAt(text, cut, witness.verifier)).toBeUndefined();
    const other = createSigner('witness.example/w1', generateKey(), 'cosignature');
    expect(cosignedAt(text, signatures, other.verifier)).toBeUndefined();
  });
});
