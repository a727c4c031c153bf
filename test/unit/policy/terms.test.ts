import { describe, expect, test } from 'vitest';
import { joinTerms, plainTerms } from '../../../src/core/approval-terms.ts';
import type { Problem } from '../../../src/policy/problem.ts';
import { parseTerms, type TermsEntry, termsFor } from '../../../src/policy/terms.ts';
import { actions, ask } from './support.ts';

function read(text: string): { entries: TermsEntry[]; problems: string[] } {
  const problems: Problem[] = [];
  const entries = parseTerms(text, 'approvals.yaml', actions, problems);
  return { entries, problems: problems.map(({ line, message }) => `${line}: ${message}`) };
}

const full = `
- action: logs.read
  cluster: prod
  node: role=worker
  resource: logs/system/*
  approvals: [{ group: leads, people: 2 }, { group: security }, {}]
  denials: 2
  reason: { pattern: "INC-[0-9]+ .+", expected: an incident number }
  decision_reason: true
  signed: true
  pending: 30m
  claim_window: 10m
  session: 20m
- action: class:read
  approvals: [{ people: 2 }]
`;

describe('approvals.yaml', () => {
  const { entries, problems } = read(full);
  const question = ask({
    cluster: 'prod',
    labels: { role: 'worker' },
    action: 'logs.read',
    resource: 'logs/system/etcd',
  });

  test('gives the first entry that fits, in every part', () => {
    expect(problems).toEqual([]);
    expect(termsFor(entries, actions, question)).toEqual({
      quorum: {
        approvals: [
          { group: 'leads', count: 2 },
          { group: 'security', count: 1 },
          { group: undefined, count: 1 },
        ],
        denials: 2,
      },
      reason: { expected: 'an incident number', matches: expect.any(Function) as unknown },
      decisionReason: true,
      signedDecisions: true,
      pendingMs: 1_800_000,
      claimWindowMs: 600_000,
      sessionMs: 1_200_000,
    });
    expect(entries[0]?.terms.reason?.matches('INC-1 x')).toBe(true);
    expect(entries[0]?.terms.reason?.matches('see INC-1 x')).toBe(false);
  });

  test.each([
    { cluster: 'lab' },
    { labels: { role: 'controlplane' } },
    { resource: 'logs/k8s.io/a/b' },
    { action: 'logs.dmesg', resource: 'logs/dmesg' },
  ])('goes on to the next where %j', over => {
    expect(termsFor(entries, actions, { ...question, ...over }).quorum.approvals).toEqual([
      { group: undefined, count: 2 },
    ]);
  });

  test('asks for one person where no entry fits, and where the file says nothing', () => {
    const write = { ...question, action: 'node.reboot', risk: 'destructive', resource: 'power/default' };
    expect(termsFor(entries, actions, write)).toBe(plainTerms);
    expect(read('# nothing\n')).toEqual({ entries: [], problems: [] });
  });

  test.each([
    ['action: x', 'is a list of entries'],
    ['- 7', 'an entry has the keys'],
    ['- {}', 'action is a text'],
    ['- { action: logs.reed }', 'unknown action'],
    ['- { action: logs.read, cluster: A }', 'cluster: '],
    ['- { action: logs.read, node: "A" }', 'node: '],
    ['- { action: logs.read, resource: "" }', 'resource: '],
    ['- { action: logs.read, needs: 2 }', 'unknown key "needs"'],
    ['- { action: logs.read, approvals: [] }', 'approvals is a list'],
    ['- { action: logs.read, approvals: [{ people: 0 }] }', 'approvals is a list'],
    ['- { action: logs.read, approvals: [{ group: "*" }] }', 'approvals is a list'],
    ['- { action: logs.read, denials: 0 }', 'denials is a number'],
    ['- { action: logs.read, reason: "INC" }', 'reason is {pattern'],
    ['- { action: logs.read, reason: { pattern: "(", expected: x } }', 'reason: the pattern cannot be used'],
    ['- { action: logs.read, signed: "yes" }', 'signed is true or false'],
    ['- { action: logs.read, pending: 2h }', 'pending is a time from 1s to 1h'],
    ['- { action: logs.read, session: 5h }', 'session is a time from 1s to 4h'],
    ['- [', 'Flow'],
  ])('refuses %s', (text, message) => {
    const { problems: found } = read(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });
});

test('a request about several things takes all that each asks for', () => {
  const one = { ...plainTerms, sessionMs: 5, quorum: { approvals: [{ group: 'a', count: 1 }], denials: 3 } };
  const two = { ...plainTerms, signedDecisions: true, quorum: { approvals: [{ group: 'b', count: 2 }], denials: 2 } };
  expect(joinTerms([plainTerms, one, two, one])).toMatchObject({
    quorum: { approvals: [...one.quorum.approvals, ...two.quorum.approvals], denials: 2 },
    signedDecisions: true,
    sessionMs: 5,
  });
  expect(joinTerms([plainTerms])).toBe(plainTerms);
});
