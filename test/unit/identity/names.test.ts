import { describe, expect, it } from 'vitest';
import { maxGroups, readGroups, readName } from '../../../src/identity/names.ts';

describe('readName', () => {
  it.each(['machine:bob@example.com', 'Role:admin', 'user:x', 'group:y'])(
    'refuses %s, which would be a subject of rules',
    name => {
      expect(readName(name)).toBeUndefined();
    },
  );

  it('lower-cases addresses and leaves other names as they are', () => {
    expect(readName('Alice@Example.COM')).toBe('alice@example.com');
    expect(readName('CI-Deploy')).toBe('CI-Deploy');
    expect(readName('Jürgen Müller')).toBe('Jürgen Müller');
  });

  it.each([
    ['a number', 7],
    ['a list', ['alice']],
    ['nothing', ''],
    ['a zero-width joiner', 'ali\u200dce'],
    ['a lone surrogate', 'alice\ud800'],
    ['a no-break space', 'alice\u00a0smith'],
    ['the Kelvin sign for K', '\u212aim@example.com'],
    ['a full-width at sign', 'alice\uff20example.com'],
    ['a decomposed umlaut', 'Ju\u0308rgen'],
    ['a paragraph separator', 'alice\u2029bob'],
    ['a blank in front', ' alice'],
    ['257 characters', 'a'.repeat(257)],
  ])('refuses %s', (_, value) => {
    expect(readName(value)).toBeUndefined();
  });
});

describe('readGroups', () => {
  it('takes a list, a single value, and none', () => {
    expect(readGroups(['a', 'B', 'a'])).toEqual(['a', 'B']);
    expect(readGroups('a')).toEqual(['a']);
    expect(readGroups(undefined)).toEqual([]);
  });

  it('refuses the whole list when one entry is not acceptable', () => {
    expect(readGroups(['a', 7])).toBeUndefined();
    expect(readGroups(['a', 'b\n'])).toBeUndefined();
    expect(readGroups({ a: true })).toBeUndefined();
  });

  it('refuses more groups than the bound', () => {
    const many = Array.from({ length: maxGroups + 1 }, (_, index) => `g${index}`);
    expect(readGroups(many.slice(1))).toHaveLength(maxGroups);
    expect(readGroups(many)).toBeUndefined();
  });
});
