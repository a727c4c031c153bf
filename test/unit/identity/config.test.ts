import { describe, expect, it } from 'vitest';
import { type IdentitySettings, identityProblems, type JwtIssuerSettings } from '../../../src/identity/config.ts';

function issuer(more: Partial<JwtIssuerSettings> = {}): JwtIssuerSettings {
  return {
    issuer: 'https://idp.example',
    audience: ['talosgate'],
    keys: { url: 'https://idp.example/keys' },
    algorithms: ['ES256'],
    clock_tolerance: 5_000,
    max_age: 60_000,
    id_claim: 'email',
    require_verified_email: true,
    groups_claim: 'groups',
    read_groups: true,
    id_prefix: '',
    kind: 'person',
    ...more,
  };
}

const paths = (settings: IdentitySettings) => identityProblems(settings).map(problem => problem.path.join('.'));

describe('identityProblems', () => {
  it('has nothing against usual settings', () => {
    expect(paths({ mtls: { subject: [{ from: 'email' }] }, jwt: [issuer()] })).toEqual([]);
  });

  it('finds that nobody could log in', () => {
    expect(paths({ jwt: [] })).toEqual(['']);
  });

  it('finds what is listed twice', () => {
    expect(paths({ mtls: { subject: [{ from: 'email' }, { from: 'email' }] }, jwt: [] })).toEqual([
      'mtls.subject.1.from',
    ]);
    expect(paths({ jwt: [issuer(), issuer({ audience: ['other'] })] })).toEqual(['jwt.1.issuer']);
  });

  it.each(['http://idp.example/keys', 'ftp://idp.example/keys', 'keys.json', 'https://me:secret@idp.example/keys'])(
    'refuses keys from %s',
    url => {
      expect(paths({ jwt: [issuer({ keys: { url } })] })).toEqual(['jwt.0.keys.url']);
    },
  );

  it.each(['http://127.0.0.1:8080/keys', 'http://[::1]:8080/keys', 'https://idp.example/keys'])(
    'takes keys from %s',
    url => {
      expect(paths({ jwt: [issuer({ keys: { url } })] })).toEqual([]);
    },
  );

  it('refuses to forgive more than two minutes of clock difference', () => {
    expect(paths({ jwt: [issuer({ clock_tolerance: 120_001 })] })).toEqual(['jwt.0.clock_tolerance']);
  });
});
