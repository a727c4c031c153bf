import { expect, test } from 'vitest';
import type { Approval } from '../../../src/core/approval.ts';
import { onePerson, plainTerms } from '../../../src/core/approval-terms.ts';
import type { PolicyQuestion } from '../../../src/core/decision.ts';
import { assertStillAgreed, pruneTerms } from '../../../src/http/prune-terms.ts';

const bob = { id: 'bob', kind: 'person', groups: [], proofs: [], validUntil: 0 } as const;
const rule = { file: 'policy.csv', line: 1, text: 'p' };
const approval: Approval = {
  ...{ id: 'prn-22222', state: 'approved', requester: 'bob', cluster: '-', node: '-', method: 'POST', binding: '' },
  ...{ action: 'audit.prune', resource: 'audit/0-9', summary: {}, reason: 'old', quorum: onePerson },
  ...{
    decisionReason: false,
    signedDecisions: false,
    createdAt: 0,
    notBefore: undefined,
    expiresAt: 1,
    claimWindowMs: 1,
  },
  ...{ sessionMs: undefined, claimedBy: undefined, endedAt: undefined, endReason: '', endedBy: '', emergency: false },
  votes: [{ by: 'carol', groups: [], verdict: 'approve', reason: '', at: 0 }],
};

/** Policy in which carol decides unless `gone`, and so many people have to agree. */
function policy(people: number, gone = false) {
  const asked: PolicyQuestion[] = [];
  const quorum = { approvals: [{ group: undefined, count: people }], denials: 1 };
  const reason = { expected: 'an age', matches: (text: string) => text.startsWith('old') };
  return {
    asked,
    termsFor: () => ({ ...plainTerms, quorum, reason }),
    decide: (question: PolicyQuestion) => {
      asked.push(question);
      return gone
        ? ({ effect: 'deny', reason: 'no-rule', rule: undefined, revision: '' } as const)
        : ({ effect: 'allow', rule, revision: '' } as const);
    },
  };
}

test('asks for what policy says of prunes', () => {
  expect(pruneTerms(policy(2), bob, ' old ').quorum.approvals).toEqual([{ group: undefined, count: 2 }]);
  expect(() => pruneTerms(policy(1), bob, 'because')).toThrow('the reason must hold an age');
});

test('an approval counts while its voters may decide and policy asks for no more', () => {
  const enough = policy(1);
  assertStillAgreed(enough, bob, approval);
  expect(enough.asked).toMatchObject([
    { principal: { id: 'carol' }, action: 'approvals.decide', resource: 'audit.prune' },
  ]);
  expect(() => assertStillAgreed(policy(2), bob, approval)).toThrow('not enough any more');
  expect(() => assertStillAgreed(policy(1, true), bob, approval)).toThrow('not enough any more');
});
