import { describe, expect, test } from 'vitest';
import type { Decision, PolicyQuestion } from '../../../src/core/decision.ts';
import type { RequestFacts } from '../../../src/core/method.ts';
import type { Principal } from '../../../src/core/principal.ts';
import type { Target } from '../../../src/core/target.ts';
import { decideTarget } from '../../../src/gateway/decide-legs.ts';
import { DiskUsageRequestSchema } from '../../../src/gen/machine/machine_pb.js';
import { inspect, methodAt } from '../catalog/support.ts';

const path = '/machine.MachineService/DiskUsage';
const rule = { file: 'policy.csv', line: 1, text: '' };
const revision = 'r';
const principal: Principal = { kind: 'person', id: 'ann@example.com', groups: [], proofs: [], validUntil: Infinity };
const target: Target = { cluster: 'demo', node: 'w1', dial: '127.0.0.1:1', identities: [], labels: {}, asked: 'w1' };

const effects: Readonly<Record<string, Decision>> = {
  'file/open': { effect: 'allow', rule, revision },
  'file/asked': { effect: 'approve', rule, floor: false, revision },
  'file/shut': { effect: 'deny', reason: 'rule', rule, revision },
  'file/dark': { effect: 'deny', reason: 'no-rule', rule: undefined, revision },
};

function decide(...paths: string[]) {
  const facts: RequestFacts = inspect(path, DiskUsageRequestSchema, { paths });
  const asked: string[] = [];
  const answer = (question: PolicyQuestion): Decision => {
    asked.push(question.resource);
    return effects[question.resource] ?? { effect: 'deny', reason: 'no-rule', rule: undefined, revision };
  };
  const { decision, about } = decideTarget(principal, target, { facts, method: methodAt(path) }, { decide: answer });
  return { effect: decision.effect, about, asked };
}

describe('a request about several things', () => {
  test('is allowed when each of them is', () => {
    expect(decide('/open')).toMatchObject({ effect: 'allow', about: 'file/open' });
    expect(decide('/open', '/open')).toEqual({ effect: 'allow', about: 'file/open', asked: ['file/open'] });
  });

  test('is denied for the first that is denied, wherever it stands', () => {
    expect(decide('/open', '/shut')).toMatchObject({ effect: 'deny', about: 'file/shut' });
    expect(decide('/asked', '/dark', '/shut')).toMatchObject({ effect: 'deny', about: 'file/dark' });
    expect(decide('/shut', '/open')).toMatchObject({ effect: 'deny', about: 'file/shut', asked: ['file/shut'] });
  });

  test('needs approval when one of them does and none is denied', () => {
    expect(decide('/open', '/asked', '/open')).toMatchObject({ effect: 'approve', about: 'file/asked' });
    expect(decide('/asked', '/open')).toMatchObject({ effect: 'approve', about: 'file/asked' });
  });
});
