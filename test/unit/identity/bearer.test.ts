import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxTokenLength, readAuthorization } from '../../../src/identity/bearer.ts';

const basic = (text: string) => `Basic ${Buffer.from(text, 'utf8').toString('base64')}`;

describe('readAuthorization', () => {
  it('takes a bearer token, scheme in any letter case', () => {
    expect(readAuthorization('Bearer a.b.c')).toEqual({ token: 'a.b.c', user: undefined });
    expect(readAuthorization('bEARER a.b.c')).toEqual({ token: 'a.b.c', user: undefined });
  });

  it('takes the password of Basic, split at the first colon', () => {
    expect(readAuthorization(basic('alice@example.com:a.b.c'))).toEqual({ token: 'a.b.c', user: 'alice@example.com' });
    expect(readAuthorization(basic(':a.b.c'))).toEqual({ token: 'a.b.c', user: '' });
    expect(readAuthorization(basic('alice:x:a.b.c'))).toHaveProperty('problem');
  });

  it.each([
    ['nothing', ''],
    ['a scheme alone', 'Bearer'],
    ['another scheme', 'Negotiate a.b.c'],
    ['a bare token', 'a.b.c'],
    ['two joined values', 'Bearer a.b.c, Bearer d.e.f'],
    ['a token of two parts', 'Bearer a.b'],
    ['an unsigned token', 'Bearer a.b.'],
    ['an encrypted token', 'Bearer a.b.c.d.e'],
    ['a token with foreign letters', 'Bearer a.b\u0441.c'],
    ['a line break', 'Bearer a.b.c\n'],
    ['base64url in Basic', 'Basic Oi0_.='],
    ['Basic without padding', 'Basic YTphLmIuYw'],
    ['Basic without colon', basic('a.b.c')],
    ['Basic that is not UTF-8', `Basic ${Buffer.from([0xff, 0x3a, 0x61]).toString('base64')}`],
    ['a password that is no token', basic('alice:secret')],
  ])('refuses %s', (_, value) => {
    expect(readAuthorization(value)).toHaveProperty('problem');
  });

  it('takes a token of the greatest length and refuses a longer one', () => {
    const longest = `a.b.${'c'.repeat(maxTokenLength - 4)}`;
    expect(readAuthorization(`Bearer ${longest}`)).toHaveProperty('token', longest);
    expect(readAuthorization(`Bearer ${longest}c`)).toEqual({ problem: 'the token is too long' });
    expect(readAuthorization(`Bearer ${longest.repeat(3)}`)).toHaveProperty('problem');
  });

  it('never repeats what was sent in what it says', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 12 }), fc.constantFrom('Bearer ', 'Basic ', ''), (text, scheme) => {
        const read = readAuthorization(scheme + text);
        expect('problem' in read ? read.problem : '').not.toContain(text);
      }),
    );
  });
});
