import { describe, expect, test } from 'vitest';
import { explainQuestion, renderExplanation } from '../../../src/policy/explain.ts';
import { actions, ask, build } from './support.ts';

const explain = async (lines: string[], question = ask({})) => {
  const { set, roles, decide } = await build(...lines);
  return explainQuestion({ rules: set.rules, roles, decide }, actions, question);
};

describe('explainQuestion', () => {
  const lines = [
    'g, user:alice, role:operator',
    'g, role:operator, role:viewer',
    'p, role:viewer, *, *, class:read, **, allow',
    'p, group:x, *, *, logs.read, logs/**, approve',
    'p, user:bob, *, *, logs.read, **, deny',
  ];

  test('shows every rule that matches, the deciding one first, and how the caller came to it', async () => {
    const explanation = await explain(lines, ask({ groups: ['x'] }));
    expect(explanation).toMatchObject({ effect: 'approve', reason: 'rule', floor: false, area: 'logs' });
    expect(explanation.subjects).toEqual(['user:alice', 'role:operator', 'role:viewer', 'group:x']);
    expect(explanation.matches.map(match => [match.rule.line, match.decides, match.from])).toEqual([
      [4, true, 'group:x'],
      [3, false, 'user:alice'],
    ]);
    expect(explanation.matches[1]?.path.map(link => link.role)).toEqual(['role:operator', 'role:viewer']);
  });

  test('takes the spelling of people for COSI types', async () => {
    const rule = 'p, user:alice, *, *, resource.get, resource/Pods/ns/*, allow';
    const explanation = await explain([rule], ask({ action: 'resource.get', resource: 'resource/PODS/ns/a' }));
    expect(explanation.effect).toBe('allow');
  });

  test('tells that the floor, not a rule, asks for approval', async () => {
    const explanation = await explain(
      ['p, user:alice, *, *, debug.run, **, allow'],
      ask({ action: 'debug.run', resource: 'debug/privileged' }),
    );
    expect(explanation).toMatchObject({
      effect: 'approve',
      floor: true,
      matches: [{ effect: 'allow', decides: true }],
    });
    expect(renderExplanation(explanation)).toContain('allow becomes approve');
  });

  test('explains an unknown action as an error', async () => {
    expect(await explain(lines, ask({ action: 'no.such' }))).toMatchObject({
      effect: 'deny',
      reason: 'policy-error',
      area: undefined,
      matches: [],
    });
  });
});

describe('renderExplanation', () => {
  test('reads from effect to rule to role', async () => {
    const explanation = await explain([
      'g, user:alice, role:viewer',
      'p, role:viewer, *, role=worker, class:read, logs/**, allow',
    ]);
    expect(renderExplanation(explanation)).toBe(`ALLOW  logs.read on logs/system/kubelet
  caller    user:alice
  node      worker-1 (cluster prod; role=worker, zone=a)
  action    class:read, area:logs
  roles     role:viewer
  revision  rev
-> allow   p/x.csv:2  p, role:viewer, *, role=worker, class:read, logs/**, allow
            because the caller is user:alice, and so role:viewer (p/x.csv:1)
`);
  });

  test('says so when no rule matches', async () => {
    expect(renderExplanation(await explain(['g, user:alice, role:viewer']))).toContain(
      'what no rule allows is refused',
    );
  });
});
