import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApprovalEvent, step } from '../../../src/approvals/states.ts';
import type { Approval, ApprovalQuorum } from '../../../src/core/approval.ts';
import { onePerson } from '../../../src/core/approval-terms.ts';
import { type Bench, elapse, newApproval, openBench } from './support.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench({ max_open: 1_000 });
});
afterAll(() => bench.close());

type Move = ApprovalEvent | { readonly kind: 'elapse' };

/** Of the requester and of an approver. */
const machines = ['machine:bob@example.com', 'machine:carol'];
const person = fc.constantFrom('bob@example.com', 'carol', 'dave', 'erin', 'CAROL', 'BOB@example.com', ...machines);
const groups = fc.subarray(['security', 'platform']);
const quorums = fc.constantFrom<ApprovalQuorum>(
  { approvals: [{ group: undefined, count: 1 }], denials: 1 },
  { approvals: [{ group: undefined, count: 2 }], denials: 2 },
  {
    approvals: [
      { group: 'security', count: 1 },
      { group: 'platform', count: 1 },
    ],
    denials: 1,
  },
  {
    approvals: [
      { group: 'security', count: 1 },
      { group: 'platform', count: 1 },
      { group: undefined, count: 1 },
    ],
    denials: 2,
  },
);
const at = fc.constant(0);
const votes = fc
  .record({
    by: person,
    groups,
    verdict: fc.constantFrom('approve' as const, 'approve' as const, 'approve' as const, 'deny' as const),
  })
  .map(vote => ({ kind: 'vote' as const, vote: { ...vote, reason: 'because', at: 0 } }));
const others: fc.Arbitrary<Move> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ kind: 'elapse' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), by: person, at }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('withdraw' as const), by: person, at }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('claim' as const),
      by: fc.constantFrom('bob@example.com', 'bob@example.com', 'carol', 'machine:bob@example.com'),
      binding: fc.constantFrom('right', 'right', 'wrong'),
      callId: fc.uuid(),
      at,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      how: fc.constantFrom('ended' as const, 'lost' as const, 'revoked' as const),
      at,
    }),
  },
);

/** Ways to begin that lead to where random moves seldom come by themselves. */
const agreed: readonly Move[] = ['carol', 'dave', 'erin'].map(by => ({
  kind: 'vote',
  vote: { by, groups: ['security', 'platform'], verdict: 'approve', reason: '', at: 0 },
}));
const used: readonly Move[] = [
  ...agreed,
  { kind: 'claim', by: 'bob@example.com', binding: 'right', callId: randomUUID(), at: 0 },
];
/** One walk to every end, so that no run misses one. */
const endings: Move[][] = [
  [{ kind: 'elapse' }],
  [{ kind: 'cancel', by: 'bob@example.com', at: 0 }],
  [{ kind: 'vote', vote: { by: 'carol', groups: [], verdict: 'deny', reason: '', at: 0 } }],
  [...agreed, { kind: 'withdraw', by: 'carol', at: 0 }],
  ...(['ended', 'lost', 'revoked'] as const).map((how): Move[] => [...used, { kind: 'end', how, at: 0 }]),
];
const walks = fc
  .tuple(fc.constantFrom<readonly Move[]>([], agreed, used), fc.array(fc.oneof(votes, votes, others), { maxLength: 7 }))
  .map(([beginning, moves]) => [...beginning, ...moves]);

test('the database takes and refuses the same events as step, with the same names, in any order', async () => {
  const reached = new Set<string>();
  await fc.assert(
    fc.asyncProperty(quorums, walks, async (quorum, moves) => {
      let expected: Approval = await bench.store.request({ ...newApproval(), terms: { quorum } });
      for (const move of moves) {
        const foreseen = foresee(expected, move);
        const outcome = await perform(expected, move);
        expect([move, outcome]).toEqual([move, foreseen.ok ? 'ok' : foreseen.reason]);
        if (foreseen.ok) expected = foreseen.next;
        const actual = await bench.store.get(expected.id);
        expect(actual).toMatchObject({ state: expected.state, claimedBy: expected.claimedBy });
        expect(actual?.votes.map(({ by, verdict, groups: of }) => ({ by, verdict, of }))).toEqual(
          expected.votes.map(({ by, verdict, groups: of }) => ({ by, verdict, of })),
        );
        if (actual !== undefined) expected = { ...actual, votes: expected.votes };
        reached.add(expected.state);
      }
    }),
    { numRuns: 100, examples: endings.map((moves): [ApprovalQuorum, Move[]] => [onePerson, moves]) },
  );
  expect(reached.size).toBe(10);
}, 60_000);

function foresee(approval: Approval, move: Move): ReturnType<typeof step> {
  if (move.kind === 'elapse') return step(approval, { kind: 'expire', at: approval.expiresAt });
  if (move.kind === 'vote') return step(approval, { ...move, vote: { ...move.vote, at: approval.createdAt } });
  if (move.kind === 'claim')
    return step(approval, { ...move, binding: bindingOf(approval, move.binding), at: approval.createdAt });
  return step(approval, { ...move, at: approval.createdAt });
}

/** Does it in the database, past the store, whose own look beforehand would hide the functions' answers. */
async function perform(approval: Approval, move: Move): Promise<string> {
  const { id } = approval;
  const answer = async (call: string, params: (string | string[])[]): Promise<string> => {
    const [row] = await bench.admin.query<{ answer: { outcome: string } }>(
      `SELECT talosgate.${call} AS answer`,
      params,
    );
    return row?.answer.outcome ?? 'no answer';
  };
  switch (move.kind) {
    case 'vote':
      return await answer('approval_vote($1, $2, $3::text[], $4, $5)', [
        id,
        move.vote.by,
        [...move.vote.groups],
        move.vote.verdict,
        move.vote.reason,
      ]);
    case 'cancel':
      return await answer('approval_cancel($1, $2, $3)', [id, move.by, 'left']);
    case 'withdraw':
      return await answer('approval_withdraw($1, $2)', [id, 'changed my mind']);
    case 'end':
      return await answer('approval_end($1, $2, $3)', [id, move.how, 'over']);
    case 'claim':
      return await claimed(approval, move);
    case 'expire':
    case 'elapse': {
      if (approval.state !== 'pending' && approval.state !== 'approved') return 'not-pending';
      await elapse(bench.admin, id, '2 hours');
      const lapsed = await bench.admin.query<{ approval: { id: string } }>(
        'SELECT approval FROM talosgate.approval_expire(500) AS approval',
      );
      return lapsed.some(row => row.approval.id === id) ? 'ok' : 'not expired';
    }
  }
}

async function claimed(approval: Approval, move: Extract<Move, { kind: 'claim' }>): Promise<string> {
  const params = [approval.id, bindingOf(approval, move.binding), move.by, randomUUID(), move.callId];
  const refusal = await bench.admin
    .query('SELECT talosgate.approval_claim($1, $2, $3, $4::uuid, $5::uuid)', params)
    .then(() => undefined)
    .catch((thrown: unknown) => (thrown as Error).message);
  if (refusal === undefined) return 'ok';
  if (refusal.endsWith('somebody else')) return 'not-requester';
  return refusal.endsWith('another request') ? 'other-binding' : 'not-approved';
}

function bindingOf(approval: Approval, which: string): string {
  return which === 'right' ? approval.binding : 'f'.repeat(64);
}
