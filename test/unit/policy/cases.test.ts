import { describe, expect, test } from 'vitest';
import { parseCases, runCase } from '../../../src/policy/cases.ts';
import type { Problem } from '../../../src/policy/problem.ts';
import { actions, build } from './support.ts';

const read = (text: string) => {
  const problems: Problem[] = [];
  const cases = parseCases(text, 'p/x.test.yaml', actions, problems);
  return { cases, problems };
};
const oneCase = (changes: string) => `- description: d\n  expect: allow\n  ${changes}\n`;
const request = (inside: string) => oneCase(`request: { ${inside} }`);

describe('parseCases', () => {
  test('fills in what a case need not say', () => {
    const { cases, problems } = read(request('as: alice@example.com, node: n1, action: logs.read, resource: logs/x'));
    expect(problems).toEqual([]);
    expect(cases).toMatchObject([
      {
        line: 1,
        subjects: ['user:alice@example.com'],
        expect: 'allow',
        question: {
          principal: { id: 'alice@example.com', kind: 'person', groups: [] },
          cluster: '-',
          node: 'n1',
          labels: {},
          risk: 'read',
          approvalFloor: false,
        },
      },
    ]);
  });

  test('takes machines, groups and roles as callers, and knows which actions have a floor', () => {
    const { cases } = read(
      request('as: "machine:ci", groups: [g], node: n1, action: debug.run, resource: debug/privileged'),
    );
    expect(cases).toMatchObject([
      {
        subjects: ['machine:ci', 'group:g'],
        question: { principal: { id: 'ci', kind: 'machine' }, approvalFloor: true },
      },
    ]);
    expect(
      read(request('as: "role:viewer", node: n1, action: logs.read, resource: logs/x')).cases[0]?.subjects,
    ).toEqual(['role:viewer']);
  });

  test.each([
    ['{', ''],
    ['a: 1', 'is a list'],
    ['- x', 'a case is'],
    ['- { description: d, expect: allow, request: {}, more: 1 }', 'unknown key "more"'],
    ['- { description: d, expect: maybe, request: {} }', 'expect is one of allow, approve, deny'],
    ['- { expect: allow, request: {} }', 'needs a description'],
    [request('as: a, who: b'), 'unknown key "who"'],
    [request('node: n1, action: logs.read, resource: x'), 'as names who asks'],
    [request('as: a, action: logs.read, resource: x'), 'node must be given'],
    [request('as: a, node: n, action: logs.reed, resource: x'), 'unknown action "logs.reed"'],
    [request('as: a, node: n, action: logs.read, resource: logs/**'), 'is a pattern'],
    [request('as: a, node: n, action: logs.read, resource: logs/*/x'), 'is a pattern'],
    [request('as: a, node: n, labels: {a: 1}, action: logs.read, resource: x'), 'labels are names'],
  ])('refuses %j', (text, message) => {
    const { cases, problems } = read(text);
    expect(cases).toEqual([]);
    expect(problems[0]).toMatchObject({ file: 'p/x.test.yaml', message: expect.stringContaining(message) as string });
  });

  test('says on which line the mistake is', () => {
    const good = request('as: a, node: n, action: logs.read, resource: x');
    expect(read(`# head\n${good}${request('as: a')}`).problems).toMatchObject([{ line: 5 }]);
  });
});

describe('runCase', () => {
  const text = 'p, user:alice, *, *, logs.read, logs/**, allow';
  const run = async (expectation: string) => {
    const { decide } = await build(text);
    const { cases } = read(
      `- description: d\n  request: { as: alice, node: n, action: logs.read, resource: logs/x }\n  ${expectation}\n`,
    );
    return cases.map(one => runCase(one, decide));
  };

  test('passes when effect and rule are as expected', async () => {
    expect(await run('expect: allow')).toMatchObject([{ ok: true }]);
    expect(await run('expect: allow\n  rule: p/x.csv:1')).toMatchObject([{ ok: true }]);
    expect(await run(`expect: allow\n  rule: "${text.replaceAll(' ', '')}"`)).toMatchObject([{ ok: true }]);
  });

  test('fails with what came instead', async () => {
    expect(await run('expect: deny')).toMatchObject([
      { ok: false, line: 1, message: 'expected deny, the rules say allow by p/x.csv:1' },
    ]);
    expect(await run('expect: allow\n  rule: p/x.csv:2')).toMatchObject([{ ok: false }]);
  });
});
