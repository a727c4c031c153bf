import { describe, expect, it } from 'vitest';
import { suggest } from '../../../src/config/suggest.ts';

const known = ['address', 'tls', 'client_ca', 'insecure'];

describe('suggest', () => {
  it.each([
    ['adress', 'address'],
    ['addresss', 'address'],
    ['addrses', 'address'],
    ['Address', 'address'],
    ['client-ca', 'client_ca'],
    ['tsl', 'tls'],
  ])('knows that %s means %s', (typed, meant) => {
    expect(suggest(typed, known)).toBe(meant);
  });

  it('says nothing about a word that is like none of them', () => {
    expect(suggest('port', known)).toBeUndefined();
    expect(suggest('x', [])).toBeUndefined();
  });
});
