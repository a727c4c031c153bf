import { describe, expect, test } from 'vitest';
import { openRequestLine, subjectOf, verdictLine, whereToDecide } from '../../../src/approvals/lines.ts';
import type { ApprovalVote } from '../../../src/core/approval.ts';
import { approvalOf } from '../../support/approvals.ts';

const vote = (over: Partial<ApprovalVote> = {}): ApprovalVote => ({
  by: 'carol@example.com',
  groups: [],
  verdict: 'approve',
  reason: 'ok, 30 min',
  at: 1,
  ...over,
});
const texts = { approvers: 'platform-leads', baseUrl: 'https://gate.example.com/' };

describe('verdictLine', () => {
  test('names who approved and what they said', () => {
    expect(verdictLine(approvalOf({ state: 'approved', votes: [vote()] }))).toBe(
      'approved by carol@example.com ("ok, 30 min")',
    );
    const two = [vote(), vote({ by: 'dave', reason: ' ' }), vote({ by: 'erin', verdict: 'deny' })];
    expect(verdictLine(approvalOf({ state: 'approved', votes: two }))).toBe(
      'approved by carol@example.com ("ok, 30 min") and dave',
    );
  });

  test('names only who denied when it was denied', () => {
    const votes = [vote(), vote({ by: 'erin', verdict: 'deny', reason: 'not tonight' })];
    expect(verdictLine(approvalOf({ state: 'denied', votes }))).toBe('denied by erin ("not tonight")');
  });

  test('prints nothing that a terminal would act on', () => {
    const nasty = vote({ by: 'ca\x1b[2Jrol\u202e', reason: 'ok\r\n\x1b]0;pwned\x07talosgate: approved' });
    const line = verdictLine(approvalOf({ state: 'approved', votes: [nasty] }));
    expect(line).toBe('approved by ca[2Jrol ("ok ]0;pwnedtalosgate: approved")');
  });
});

describe('whereToDecide', () => {
  test('names approvers and link, or whichever of them is known', () => {
    expect(whereToDecide('dbg-7k3f9', texts)).toBe(
      'approvers: platform-leads; https://gate.example.com/approvals/dbg-7k3f9',
    );
    expect(whereToDecide('dbg-7k3f9', { ...texts, approvers: undefined })).toBe(
      'https://gate.example.com/approvals/dbg-7k3f9',
    );
    expect(whereToDecide('dbg-7k3f9', { approvers: undefined, baseUrl: undefined })).toBe('');
  });
});

describe('openRequestLine', () => {
  test('tells a new request from one that was open', () => {
    expect(openRequestLine(approvalOf(), true, texts)).toMatch(
      /^request dbg-7k3f9 raised; approvers: platform-leads; https/,
    );
    expect(openRequestLine(approvalOf(), false, { approvers: undefined, baseUrl: undefined })).toBe(
      'request dbg-7k3f9 is open already',
    );
  });
});

describe('subjectOf', () => {
  test('says in words what is asked for', () => {
    expect(subjectOf({ action: 'debug.run', node: 'worker-1' })).toBe('a debug container on worker-1');
    expect(subjectOf({ action: 'node.reset', node: 'worker-1' })).toBe('node.reset on worker-1');
  });
});
