import { describe, expect, test } from 'vitest';
import { lintPolicy } from '../../../src/policy/lint.ts';
import { actions, folderWith } from './support.ts';

const lint = async (...lines: string[]) => {
  const folder = await folderWith({ 'a.csv': `${lines.join('\n')}\n` });
  return (await lintPolicy(folder.directory, actions)).map(({ code, line, severity }) => `${severity} ${code} ${line}`);
};
const alice = (...fields: string[]) => `p, user:alice, ${fields.join(', ')}`;

describe('lintPolicy', () => {
  test('mistakes that keep the policy from loading are errors', async () => {
    expect(await lint(alice('*', '*', 'no.such', '**', 'allow'))).toEqual(['error does-not-load 1']);
  });

  test('roles that nobody has, and links to roles that give nothing', async () => {
    const rules = ['p, role:used, *, *, logs.read, **, allow', 'p, role:unused, *, *, logs.read, **, allow'];
    expect(await lint(...rules, 'g, user:a, role:used', 'g, user:a, role:usde')).toEqual([
      'warning unheld-role 2',
      'warning empty-role 4',
    ]);
    expect(await lint(...rules, 'g, user:a, role:used', 'g, role:used, role:unused')).toEqual([
      'warning unreachable-rule 1',
    ]);
  });

  test('rules that never decide: covered by a stricter or an equal one that the same people have', async () => {
    expect(
      await lint(alice('*', '*', 'logs.read', 'logs/**', 'allow'), alice('*', '*', 'class:read', '**', 'deny')),
    ).toEqual(['warning unreachable-rule 1']);
    expect(
      await lint(alice('*', '*', 'logs.read', 'logs/**', 'allow'), alice('*', '*', 'class:read', '**', 'allow')),
    ).toEqual(['warning unreachable-rule 1']);
    expect(
      await lint(
        'g, user:alice, role:r',
        'p, role:r, *, *, logs.read, logs/**, allow',
        alice('prod', 'zone=a;role=w', 'logs.read', 'logs/system/*', 'allow'),
      ),
    ).toEqual(['warning unreachable-rule 3']);
    expect(
      await lint(alice('*', '*', 'events.read', '**', 'allow'), alice('*', '*', 'area:events', '**', 'allow')),
    ).toEqual(['warning unreachable-rule 2']);
  });

  test('rules that do decide are left alone: weaker, narrower, or for others', async () => {
    expect(
      await lint(alice('*', '*', 'logs.read', 'logs/**', 'deny'), alice('*', '*', 'class:read', '**', 'allow')),
    ).toEqual([]);
    expect(
      await lint(alice('*', '*', 'logs.read', 'logs/**', 'allow'), 'p, user:bob, *, *, class:read, **, deny'),
    ).toEqual([]);
    expect(
      await lint(alice('*', '*', 'logs.read', 'logs/**', 'allow'), alice('*', 'role=w', 'class:read', '**', 'deny')),
    ).toEqual([]);
  });

  test.each([
    [alice('*', '*', 'class:credential', '**', 'allow'), 1],
    [alice('*', '*', '*', '**', 'allow'), 1],
    [alice('*', '*', 'area:resource', 'resource/**', 'allow'), 1],
    [alice('*', '*', 'debug.run', 'debug/*', 'allow'), 1],
    [alice('*', '*', 'class:credential', '**', 'approve'), 0],
    [alice('*', '*', 'class:read', '**', 'allow'), 0],
    [alice('*', '*', 'resource.get-sensitive', 'resource/machineconfigs.config.talos.dev/**', 'allow'), 0],
    [`${alice('*', '*', 'class:credential', '**', 'allow')} # lint-ok: wildcard-on-secrets`, 0],
  ])('wildcards over secrets and shells: %s', async (line, expected) => {
    expect((await lint(line)).filter(finding => finding.includes('wildcard-on-secrets'))).toHaveLength(expected);
  });

  test('a rule against one resource that listing would still show', async () => {
    const deny = alice('*', '*', 'area:resource', 'resource/members.cluster.talos.dev/cluster/secret', 'deny');
    expect(await lint(deny)).toEqual(['warning deny-misses-list 1']);
    expect(
      await lint(deny, alice('*', '*', 'area:resource', 'resource/members.cluster.talos.dev/cluster/*', 'deny')),
    ).toEqual(['warning unreachable-rule 1']);
    expect(
      await lint(deny, alice('*', '*', 'area:resource', 'resource/members.cluster.talos.dev/*/*', 'deny')),
    ).not.toContain('warning deny-misses-list 1');
  });

  test('a deny on "*", which is a single segment', async () => {
    expect(await lint(alice('*', '*', 'logs.read', '*', 'deny'))).toEqual(['warning one-segment-deny 1']);
  });

  test('a reboot without events, on the same nodes', async () => {
    const reboot = alice('prod', 'role=w', 'node.reboot', 'power/*', 'allow');
    const version = alice('*', '*', 'node.version', 'node', 'allow');
    expect(await lint(reboot, version)).toEqual(['warning half-bundle 1']);
    expect(await lint(reboot, version, alice('dev', '*', 'events.read', 'events', 'allow'))).toEqual([
      'warning half-bundle 1',
    ]);
    expect(await lint(reboot, version, alice('*', 'role=w', 'class:read', 'events', 'allow'))).toEqual([]);
    expect(await lint(reboot, version, 'g, user:alice, role:r', 'p, role:r, *, *, events.read, **, allow')).toEqual([]);
  });
});
