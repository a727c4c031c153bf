import { describe, expect, test } from 'vitest';
import type { PolicyQuestion } from '../../../src/core/decision.ts';
import { ask, build } from './support.ts';

const effectOf = async (lines: string[], question: PolicyQuestion) => (await build(...lines)).decide(question).effect;

describe('decide', () => {
  test('what no rule allows is refused', async () => {
    const { decide } = await build('p, user:bob, *, *, logs.read, **, allow');
    expect(decide(ask({}))).toEqual({ effect: 'deny', reason: 'no-rule', rule: undefined, revision: 'rev' });
  });

  test('deny beats approve beats allow, whatever their order, and the first of the strongest is named', async () => {
    const allow = 'p, user:alice, *, *, logs.read, logs/**, allow';
    const approve = 'p, user:alice, *, *, class:read, **, approve';
    const deny = 'p, user:alice, *, *, *, **, deny';
    const { decide } = await build(deny, approve, allow);
    expect(decide(ask({}))).toMatchObject({
      effect: 'deny',
      reason: 'rule',
      rule: { file: 'p/x.csv', line: 1, text: deny },
    });
    expect(await effectOf([allow, approve], ask({}))).toBe('approve');
    expect(await effectOf([approve, allow], ask({}))).toBe('approve');
    const twice = await build(allow, 'p, user:alice, *, *, area:logs, **, allow');
    expect(twice.decide(ask({}))).toMatchObject({ rule: { line: 1 } });
  });

  test('an approval floor turns allow into approve and leaves deny alone', async () => {
    const allow = 'p, user:alice, *, *, logs.read, **, allow';
    const { decide } = await build(allow);
    expect(decide(ask({ approvalFloor: true }))).toMatchObject({
      effect: 'approve',
      floor: true,
      rule: { text: allow },
    });
    const denied = await build(allow, 'p, user:alice, *, *, logs.read, **, deny');
    expect(denied.decide(ask({ approvalFloor: true }))).toMatchObject({ effect: 'deny' });
    const asked = await build('p, user:alice, *, *, logs.read, **, approve');
    expect(asked.decide(ask({ approvalFloor: true }))).toMatchObject({ effect: 'approve', floor: false });
  });

  test('a shell needs approval even where the question forgot the floor', async () => {
    const { decide } = await build('p, user:alice, *, *, debug.run, debug/privileged, allow');
    expect(decide(ask({ action: 'debug.run', resource: 'debug/privileged' }))).toMatchObject({
      effect: 'approve',
      floor: true,
    });
  });

  test('people, machines, groups and roles of one name are different subjects', async () => {
    const lines = ['p, machine:alice, *, *, logs.read, **, allow', 'p, role:alice, *, *, logs.read, **, allow'];
    expect(await effectOf(lines, ask({}))).toBe('deny');
    expect(await effectOf(lines, ask({ principal: { id: 'alice', kind: 'machine', groups: [] } }))).toBe('allow');
    expect(await effectOf(lines, ask({ groups: ['alice'] }))).toBe('deny');
    expect(await effectOf(lines, ask({ as: 'role:alice', groups: ['role:alice'] }))).toBe('deny');
  });

  test('roles of the caller and of every group count', async () => {
    const lines = ['g, group:x, role:1', 'g, role:1, role:2', 'p, role:2, *, *, logs.read, **, allow'];
    expect(await effectOf(lines, ask({ groups: ['y', 'x'] }))).toBe('allow');
    expect(await effectOf(lines, ask({ groups: ['y'] }))).toBe('deny');
  });

  test.each([
    ['worker-1', 'allow'],
    ['worker-2', 'deny'],
    ['worker-*', 'allow'],
    ['*-2', 'deny'],
    ['role=worker', 'allow'],
    ['role=worker;zone=a', 'allow'],
    ['role=worker;zone=b', 'deny'],
    ['rack=1', 'deny'],
  ])('the node selector %s gives %s', async (selector, effect) => {
    expect(await effectOf([`p, user:alice, *, ${selector}, logs.read, **, allow`], ask({}))).toBe(effect);
  });

  test('classes and the star leave out what people do with the gateway itself', async () => {
    const audit = ask({ action: 'audit.read', resource: 'audit', cluster: '-', node: '-', labels: {} });
    expect(
      await effectOf(['p, user:alice, *, *, class:read, **, allow', 'p, user:alice, *, *, *, **, allow'], audit),
    ).toBe('deny');
    expect(await effectOf(['p, user:alice, *, *, audit.read, **, allow'], audit)).toBe('allow');
    expect(await effectOf(['p, user:alice, *, *, area:audit, **, allow'], audit)).toBe('allow');
  });

  test('the class is that of the question, which content may have raised', async () => {
    const lines = ['p, user:alice, *, *, class:read, **, allow'];
    expect(await effectOf(lines, ask({ risk: 'credential' }))).toBe('deny');
  });

  test('a request for all of a kind passes by a rule about one of them', async () => {
    const lines = [
      'p, user:alice, *, *, resource.list, resource/**, allow',
      'p, user:alice, *, *, resource.list, resource/t/ns/secret, deny',
    ];
    expect(await effectOf(lines, ask({ action: 'resource.list', resource: 'resource/t/ns/*' }))).toBe('allow');
    expect(
      await effectOf(
        [...lines, 'p, user:alice, *, *, resource.list, resource/t/ns/*, deny'],
        ask({ action: 'resource.list', resource: 'resource/t/ns/*' }),
      ),
    ).toBe('deny');
  });

  test('an unknown action, an unknown risk and a broken question are refused as errors', async () => {
    const { decide } = await build('p, user:alice, *, *, *, **, allow');
    const failed = { effect: 'deny', reason: 'policy-error', rule: undefined, revision: 'rev' };
    expect(decide(ask({ action: 'no.such' }))).toEqual(failed);
    expect(decide(ask({ risk: 'harmless' }))).toEqual(failed);
    expect(decide({ ...ask({}), resource: undefined as unknown as string })).toEqual(failed);
  });
});
