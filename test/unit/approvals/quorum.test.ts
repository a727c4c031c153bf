import { describe, expect, test } from 'vitest';
import { quorumMet, sameCaller, samePerson, voidVotes } from '../../../src/approvals/quorum.ts';
import type { ApprovalVote } from '../../../src/core/approval.ts';
import { onePerson } from '../../../src/core/approval-terms.ts';
import { approvalOf } from '../../support/approvals.ts';

const by = (name: string, groups: string[] = [], verdict: 'approve' | 'deny' = 'approve'): ApprovalVote => ({
  by: name,
  groups,
  verdict,
  reason: '',
  at: 1,
});
const security = { group: 'security', count: 1 };
const platform = { group: 'platform', count: 2 };

describe('quorumMet', () => {
  test('is one approval by anybody by default', () => {
    expect(quorumMet(onePerson, [])).toBe(false);
    expect(quorumMet(onePerson, [by('carol', [], 'deny')])).toBe(false);
    expect(quorumMet(onePerson, [by('carol')])).toBe(true);
  });

  test('is never met when nobody is asked for', () => {
    expect(quorumMet({ approvals: [], denials: 1 }, [by('carol')])).toBe(false);
  });

  test('counts only people of the group that a need names', () => {
    const quorum = { approvals: [security], denials: 1 };
    expect(quorumMet(quorum, [by('carol', ['platform'])])).toBe(false);
    expect(quorumMet(quorum, [by('carol', ['platform', 'security'])])).toBe(true);
  });

  test('never lets one person of two groups stand for two people', () => {
    const quorum = { approvals: [security, platform], denials: 1 };
    const both = ['security', 'platform'];
    expect(quorumMet(quorum, [by('a', both), by('b', both)])).toBe(false);
    expect(quorumMet(quorum, [by('a', both), by('b', both), by('c', ['elsewhere'])])).toBe(false);
    expect(quorumMet(quorum, [by('a', both), by('b', both), by('c', ['platform'])])).toBe(true);
    expect(quorumMet(quorum, [by('a', ['security']), by('b', ['security']), by('c', both)])).toBe(false);
  });
});

describe('voidVotes', () => {
  const approval = approvalOf({ votes: [by('carol', ['platform']), by('dave'), by('erin', [], 'deny')] });

  test('keeps a grant while one who approved still may', () => {
    expect(voidVotes(approval, person => person === 'dave')).toEqual({ enough: true, void: ['carol'] });
  });

  test('voids a grant whose approvers all lost the right, denials aside', () => {
    expect(voidVotes(approval, person => person === 'erin')).toEqual({ enough: false, void: ['carol', 'dave'] });
  });

  test('asks with the groups the vote was cast under', () => {
    expect(voidVotes(approval, (_, vote) => vote.groups.includes('platform')).void).toEqual(['dave']);
  });

  test("never counts the requester's own vote, however it came there", () => {
    expect(voidVotes(approvalOf({ votes: [by('bob')] }), () => true)).toEqual({ enough: false, void: ['bob'] });
    const machines = approvalOf({ requester: 'machine:bob', votes: [by('bob')] });
    expect(voidVotes(machines, () => true)).toEqual({ enough: false, void: ['bob'] });
  });
});

describe('samePerson', () => {
  test.each([
    ['bob@example.com', 'BOB@example.com'],
    ['bob@example.com', 'machine:bob@example.com'],
    ['MACHINE:bob@example.com', 'bob@example.com'],
    ['machine:bob', 'machine:machine:bob'],
  ])('%s and %s are one', (one, other) => {
    expect(samePerson(one, other)).toBe(true);
  });

  test.each([
    ['bob', 'carol'],
    ['machine:bob', 'machine:carol'],
    ['machinebob', 'bob'],
    ['xmachine:bob', 'bob'],
  ])('%s and %s are two', (one, other) => {
    expect(samePerson(one, other)).toBe(false);
  });
});

describe('sameCaller', () => {
  test('sees a person and a machine of one name as two', () => {
    expect(sameCaller('bob@example.com', 'BOB@example.com')).toBe(true);
    expect(sameCaller('bob@example.com', 'machine:bob@example.com')).toBe(false);
  });
});
