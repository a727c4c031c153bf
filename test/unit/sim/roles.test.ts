import { expect, test } from 'vitest';
import { assertRole, rolesOf } from '../../../src/sim/roles.ts';

const metadata = (...roles: string[]) => new Map([['talos-role', roles]]);

test('rolesOf takes the organizations of the certificate and ignores the header', () => {
  expect([...rolesOf(['os:reader', 'team'], metadata('os:admin'))]).toEqual(['os:reader', 'team']);
});

test('rolesOf replaces the roles of an impersonator by the header, one field one role', () => {
  expect([...rolesOf(['os:impersonator', 'os:admin'], metadata('os:reader', 'os:operator'))]).toEqual([
    'os:reader',
    'os:operator',
  ]);
});

test('rolesOf takes a comma-joined value for one unknown role', () => {
  const roles = rolesOf(['os:impersonator'], metadata('os:reader, os:admin'));
  expect(() => {
    assertRole(['os:reader', 'os:admin'], roles);
  }).toThrow('not authorized');
});

test('rolesOf leaves an impersonator without header no right', () => {
  const roles = rolesOf(['os:impersonator'], new Map());
  expect(() => {
    assertRole(['os:reader', 'os:operator', 'os:admin'], roles);
  }).toThrow(expect.objectContaining({ code: 7 }));
});
