import { describe, expect, test } from 'vitest';
import { Findings } from '../../../src/seal/verify/findings.ts';
import { RecordCheck } from '../../../src/seal/verify/record-check.ts';

type Told = Readonly<Record<string, unknown>>;

const start = Date.parse('2026-01-01T00:00:00.000Z');
/** A record of one boot, `at` seconds after the start. */
const by =
  (boot: string) =>
  (at: number, kind: string, more: Told = {}): Told => ({ bootId: boot, at, kind, ...more });
const a = by('boot-a');
const b = by('boot-b');

/** Checks records in this order, with the counters that their boots give them. */
function check(records: readonly Told[], pruned = false): { exitCode: number; said: string[] } {
  const findings = new Findings();
  const checked = new RecordCheck(findings, pruned);
  const counters = new Map<unknown, number>();
  for (const [idx, { at, ...record }] of records.entries()) {
    const wseq = (counters.get(record['bootId']) ?? (pruned ? 10 : 0)) + 1;
    counters.set(record['bootId'], wseq);
    const time = new Date(start + Number(at) * 1000).toISOString();
    const body = { ...record, wseq: String(wseq), time, mono: String(Number(at) * 1_000_000), v: '1' };
    checked.check({ idx, body: Buffer.from(JSON.stringify(body)), leaf: undefined, columns: undefined });
  }
  checked.finish();
  return {
    exitCode: findings.exitCode,
    said: findings.sorted().map(({ index, text }) => `${index ?? '-'} ${text.replace(/^record \d+: /, '')}`),
  };
}
const good = { exitCode: 0, said: [] };

describe('signs of life', () => {
  test('are at most two minutes apart, by the clock of the process', () => {
    const beats = [60, 121, 240].map(at => a(at, 'boot.beat'));
    expect(check([a(0, 'boot.open'), ...beats, a(359, 'boot.close')])).toEqual(good);
    expect(check([a(0, 'boot.open'), a(60, 'boot.beat'), a(170, 'policy.activated'), a(190, 'boot.beat')])).toEqual({
      exitCode: 3,
      said: ['3 boot boot-a gave no sign of life for 130 s'],
    });
    const told = check([a(0, 'boot.open'), a(130, 'policy.activated'), a(140, 'boot.close')]);
    expect(told.said).toEqual(['1 boot boot-a gave no sign of life for 130 s']);
  });

  test('end with a word about it, where others go on writing', () => {
    const others = Array.from({ length: 8 }, (_, at) => b(at * 60, 'boot.beat'));
    const log = [a(0, 'boot.open'), a(50, 'boot.beat'), b(0, 'boot.open'), ...others];
    expect(check(log)).toEqual({
      exitCode: 3,
      said: ['1 boot boot-a falls silent after record 1, and nothing says what became of it'],
    });
    expect(check([...log, b(430, 'boot.lost', { details: { boot: 'boot-a' } })])).toEqual(good);
    // Whoever starts long after everybody was gone has not been there to tell.
    expect(check([a(0, 'boot.open'), b(90_000, 'boot.open')])).toEqual(good);
  });
});

describe('a shell', () => {
  const open = a(0, 'boot.open');
  const approval = { approvalId: 'dbg-22222', principal: 'bob', details: { requester: 'bob' } };
  const requested = a(1, 'approval.requested', approval);
  const vote = (principal: string, verdict = 'approve', outcome = 'accepted'): Told =>
    a(2, 'approval.decided', { ...approval, principal, details: { requester: 'bob', verdict, outcome } });
  const claimed = a(3, 'approval.claimed', { ...approval, callId: 'c1' });
  const shell = (callId = 'c1', more: Told = { approvalId: 'dbg-22222' }): Told =>
    a(3, 'call.intent', { callId, leg: '0', risk: 'shell', ...more });
  const agreed = 'approval dbg-22222 was claimed, and nobody else agreed to it';

  test('is preceded by one claim of what somebody else agreed to', () => {
    expect(check([open, requested, vote('carol'), claimed, shell()])).toEqual(good);
    expect(check([open, requested, vote('dave', 'deny'), vote('carol'), claimed, shell()])).toEqual(good);
  });

  test.each([
    ['without any approval', [shell('c1', {})], '1 a shell was opened without an approval'],
    ['that nobody asked for', [shell()], '1 approval dbg-22222 was used and never asked for'],
    ['that nobody agreed to', [requested, claimed, shell()], `2 ${agreed}`],
    ['agreed to by the requester', [requested, vote('bob'), claimed, shell()], `3 ${agreed}`],
    ['with a refused vote', [requested, vote('carol', 'approve', 'refused: late'), claimed, shell()], `3 ${agreed}`],
    ['that was denied', [requested, vote('carol', 'deny'), claimed, shell()], `3 ${agreed}`],
    ['agreed to afterwards', [requested, claimed, shell(), vote('carol')], `2 ${agreed}`],
    ['not claimed', [requested, vote('carol'), shell()], '3 approval dbg-22222 was used without having been claimed'],
    [
      'claimed by another call',
      [requested, vote('carol'), claimed, shell('c2')],
      '4 approval dbg-22222 was used without having been claimed',
    ],
  ])('%s is told', (_name, records, said) => {
    expect(check([open, ...records])).toEqual({ exitCode: 3, said: [said] });
  });

  test('uses its approval once', () => {
    const twice = check([open, requested, vote('carol'), claimed, shell(), claimed, shell('c2')]);
    expect(twice.exitCode).toBe(2);
    expect(twice.said).toEqual(['5 approval dbg-22222 was claimed before', '6 approval dbg-22222 was used before']);
  });

  test('in an emergency has a review in place of the agreement', () => {
    const asked = a(1, 'approval.requested', { ...approval, details: { requester: 'bob', emergency: true } });
    const review = a(2, 'review.opened', approval);
    expect(check([open, asked, review, claimed, shell()])).toEqual(good);
    expect(check([open, asked, claimed, shell()])).toEqual({
      exitCode: 3,
      said: ['2 emergency dbg-22222 has no review'],
    });
  });

  test('whose approval was pruned away is not told', () => {
    expect(check([claimed, shell()], true).said).toEqual([]);
  });
});

describe('a recording', () => {
  const open = a(0, 'boot.open');
  const session = { callId: 's1' };
  const started = a(1, 'session.started', { ...session, details: { keys: 'k' } });
  const chunk = (seq: number): Told =>
    a(2, 'session.chunk', { ...session, details: { seq: String(seq), direction: 'out', sha256: 'h', size: '9' } });
  const ended = (chunks: number): Told => a(3, 'session.ended', { ...session, details: { chunks: String(chunks) } });

  test('counts its pieces from the start to the end', () => {
    expect(check([open, started, chunk(0), chunk(1), ended(2)])).toEqual(good);
    expect(check([open, started, chunk(0), chunk(2), ended(3)])).toEqual({
      exitCode: 3,
      said: ['3 the session s1 continues with piece 2 of its recording, not 1'],
    });
    expect(check([open, started, chunk(0), chunk(0), ended(1)]).exitCode).toBe(2);
    expect(check([open, started, chunk(0), ended(2)])).toEqual({
      exitCode: 3,
      said: ['3 the session s1 ended after 2 pieces of recording, and 1 are here'],
    });
    expect(check([open, chunk(0)])).toEqual({ exitCode: 3, said: ['1 the session s1 has no start'] });
    expect(check([chunk(4), ended(5)], true).said).toEqual([]);
  });
});
