import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Decision } from '../../../src/core/decision.ts';
import { refusalMessage } from '../../../src/policy/refusal.ts';
import { ask, build } from './support.ts';

const noRule: Decision = { effect: 'deny', reason: 'no-rule', rule: undefined, revision: 'rev' };

describe('refusalMessage', () => {
  test('tells action, resource, node, that no rule allows it, what to do, and the call id', () => {
    expect(refusalMessage(noRule, ask({ action: 'node.reboot', resource: 'power/default' }), 'call-1')).toBe(
      'talosgate: node.reboot on power/default of node worker-1 (cluster prod): no rule allows it to alice; ask the people who keep the policy for a rule (call call-1)',
    );
  });

  test('names the rule that denies', async () => {
    const { decide } = await build(
      'p, user:alice, *, *, *, **, allow',
      'p, user:alice, *, worker-1, logs.read, **, deny # INC-1',
    );
    const text = refusalMessage(decide(ask({})), ask({}), 'call-1');
    expect(text).toContain('denied by the rule at p/x.csv:2, "p, user:alice, *, worker-1, logs.read, **, deny"');
    expect(text).not.toContain('p/x.csv:1');
  });

  test('leaves the node out for what people do with the gateway itself', () => {
    expect(
      refusalMessage(noRule, ask({ action: 'audit.read', resource: 'audit', node: '-', cluster: '-' }), 'c'),
    ).not.toContain('node');
  });

  test('never holds a word on which talosctl prints its usage, whatever was asked', () => {
    const word = fc.constantFrom('arg(s)', 'flag', 'command', 'Flag', 'comm', 'and', 'fl', 'ag', '/', ' ');
    const text = fc.array(word, { maxLength: 6 }).map(parts => parts.join(''));
    fc.assert(
      fc.property(text, text, text, (resource, node, as) => {
        const message = refusalMessage(noRule, ask({ resource, node, as }), 'c');
        expect(message).not.toMatch(/arg\(s\)|flag|command/i);
      }),
    );
    expect(refusalMessage(noRule, ask({ resource: 'service/flagger' }), 'c')).toContain('service/fla%67ger');
  });

  test('cuts long text and shows no control characters', () => {
    const message = refusalMessage(noRule, ask({ resource: `file/${'x'.repeat(5000)}`, as: 'a\u001b[2Jb' }), 'c');
    expect(message.length).toBeLessThan(700);
    expect(message).toContain('a?[2Jb');
  });
});
