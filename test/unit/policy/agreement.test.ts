import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PolicyQuestion } from '../../../src/core/decision.ts';
import { createAuthority } from '../../../src/policy/casbin.ts';
import { supportedModel } from '../../../src/policy/model.ts';
import { askedOf } from '../../../src/policy/question.ts';
import { actions, build } from './support.ts';

const pick = <T>(...values: T[]) => fc.constantFrom(...values);
const roleNames = ['role:r1', 'role:r2', 'role:r3', 'role:r4'];
const callers = ['user:a', 'user:b', 'machine:a', 'group:x', 'group:y'];

/** Mostly patterns that a question of `question` can meet, so that rules compete; some that it cannot. */
const rule = fc
  .record({
    subject: pick(...callers, ...roleNames, 'role:r4', 'role:r4'),
    cluster: fc.oneof({ weight: 3, arbitrary: pick('*', 'prod', 'p*', '*') }, pick('dev', '*d', '*ro*', 'p*d', 'd*v')),
    selector: fc.oneof(
      { weight: 3, arbitrary: pick('*', '*', 'n1', 'n*', 'role=w') },
      pick('n2', '*1', '*n*', 'n1*1', 'zone=a', '"role=w,zone=a"', 'zone=b;role=c'),
    ),
    action: fc.oneof(
      { weight: 3, arbitrary: pick('*', 'logs.read', 'class:read', 'area:logs', 'area:audit') },
      pick(
        'resource.get',
        'config.apply',
        'debug.run',
        'audit.read',
        'class:shell',
        'area:resource',
        'class:credential',
      ),
    ),
    resource: fc
      .tuple(pick('logs', '**', '*', 'logs', 'l*', 'resource'), fc.array(segmentPattern(), { maxLength: 2 }))
      .map(([first, rest]) => [first, ...rest].join('/')),
    effect: pick('allow', 'allow', 'allow', 'approve', 'approve', 'deny'),
  })
  .map(r => `p, ${r.subject}, ${r.cluster}, ${r.selector}, ${r.action}, ${r.resource}, ${r.effect} # unsafe-prefix`);

/** Links only lead from lower to higher roles, so that there are no circles. */
const link = fc.oneof(
  fc.tuple(pick(...callers), pick(...roleNames)).map(([from, to]) => `g, ${from}, ${to}`),
  pick('g, role:r1, role:r2', 'g, role:r1, role:r3', 'g, role:r2, role:r4', 'g, role:r3, role:r4'),
);

const question: fc.Arbitrary<PolicyQuestion> = fc
  .record({
    principal: fc.record({
      id: pick('a', 'a', 'b', 'r1'),
      kind: pick('person' as const, 'machine' as const),
      groups: fc.subarray(['x', 'y', 'role:r1', 'none']),
    }),
    cluster: pick('prod', 'prod', 'dev', 'pd', '-'),
    node: pick('n1', 'n1', 'n2', 'n11', 'xn1', '-'),
    labels: pick<Record<string, string>>(
      {},
      { role: 'w' },
      { role: 'w', zone: 'a' },
      { role: 'c', zone: 'b' },
      { zone: 'a' },
    ),
    action: pick(
      ...['logs.read', 'logs.read', 'logs.dmesg', 'resource.get', 'config.apply', 'debug.run', 'audit.read'].map(
        name => ({
          action: name,
          risk: actions.get(name)?.risk ?? 'read',
        }),
      ),
      { action: 'logs.read', risk: 'credential' as const },
    ),
    resource: fc
      .tuple(
        pick('logs', 'logs', 'resource', 'lx'),
        fc.array(pick('a', 'b', 'ab', 'a%2Fb', 'c.d', '', '*'), { maxLength: 3 }),
      )
      .map(([first, rest]) => [first, ...rest].join('/')),
    approvalFloor: fc.boolean(),
  })
  .map(({ action, ...rest }) => ({ ...rest, ...action }));

test('the index decides as Casbin does, by the same rule, for any policy and any question', async () => {
  const seen = { allow: 0, approve: 0, deny: 0, rule: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(rule, {
        minLength: 1,
        maxLength: 40,
        size: 'max',
        selector: text => text.replace(/"role=w,zone=a"/, 'zone=a;role=w'),
      }),
      fc.uniqueArray(link, { minLength: 2, maxLength: 10, size: 'max' }),
      fc.array(question, { minLength: 25, maxLength: 25 }),
      async (rules, links, questions) => {
        const { set, decide } = await build(...links, ...rules);
        const authority = await createAuthority(supportedModel, set.rules, set.links);
        for (const one of questions) {
          const asked = askedOf(one, actions);
          if (asked === undefined) throw new Error('the generator asks for known actions');
          const verdict = authority(asked);
          const floored = one.approvalFloor || one.risk === 'shell';
          const effect = verdict.effect === 'allow' && floored ? 'approve' : verdict.effect;
          const decision = decide(one);
          expect({ effect: decision.effect, rule: decision.rule }).toEqual({ effect, rule: verdict.rule?.ref });
          seen[decision.effect] += 1;
          if (decision.rule !== undefined) seen.rule += 1;
        }
      },
    ),
    { numRuns: 250 },
  );
  // A generator whose questions nothing matches would prove nothing.
  expect(Math.min(seen.allow, seen.approve, seen.rule - seen.allow - seen.approve)).toBeGreaterThan(100);
});

function segmentPattern(): fc.Arbitrary<string> {
  return pick('a', 'ab', '*', '*', '**', '**', 'a*', '*b', 'a*b', '*a*', 'a%2fb', 'A', 'c.d');
}
