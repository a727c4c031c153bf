import { describe, expect, test } from 'vitest';
import { buildRoles } from '../../../src/policy/roles.ts';
import { parse } from './support.ts';

const rolesOf = (...pairs: [string, string][]) =>
  buildRoles(parse(...pairs.map(([from, to]) => `g, ${from}, ${to}`)).links);

describe('buildRoles', () => {
  test('links are followed as far as they go, each role once', () => {
    const { roles, problems } = rolesOf(
      ['user:a', 'role:1'],
      ['user:a', 'role:2'],
      ['role:1', 'role:3'],
      ['role:2', 'role:3'],
      ['role:3', 'role:4'],
    );
    expect(problems).toEqual([]);
    expect(roles.closure('user:a')).toEqual(['user:a', 'role:1', 'role:2', 'role:3', 'role:4']);
    expect(roles.closure('role:2')).toEqual(['role:2', 'role:3', 'role:4']);
    expect(roles.closure('user:b')).toEqual(['user:b']);
  });

  test('path is the shortest way, with the lines that make it', () => {
    const { roles } = rolesOf(['user:a', 'role:1'], ['role:1', 'role:2'], ['role:2', 'role:3'], ['user:a', 'role:2']);
    expect(roles.path('user:a', 'role:3')?.map(link => link.ref.line)).toEqual([4, 3]);
    expect(roles.path('user:a', 'user:a')).toEqual([]);
    expect(roles.path('role:3', 'user:a')).toBeUndefined();
  });

  test('a circle is refused, and the message names a link of it', () => {
    const { problems } = rolesOf(
      ['user:a', 'role:1'],
      ['role:1', 'role:2'],
      ['role:2', 'role:3'],
      ['role:3', 'role:2'],
      ['role:3', 'role:9'],
    );
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toMatch(/role:[23] leads back to role:[23]/);
    expect(rolesOf(['role:1', 'role:1']).problems).toHaveLength(1);
  });

  test('a chain longer than Casbin follows is refused', () => {
    const chain = (length: number): [string, string][] =>
      Array.from({ length }, (_, index) => [index === 0 ? 'user:a' : `role:${index}`, `role:${index + 1}`]);
    expect(rolesOf(...chain(10)).problems).toEqual([]);
    expect(rolesOf(...chain(11)).problems).toHaveLength(1);
  });
});
