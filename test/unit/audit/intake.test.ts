import { describe, expect, test } from 'vitest';
import { Breaker } from '../../../src/audit/breaker.ts';
import { DropReport } from '../../../src/audit/drop-report.ts';
import { createEntry, type Group } from '../../../src/audit/entry.ts';
import { Intake } from '../../../src/audit/intake.ts';
import type { AuditRecord } from '../../../src/core/audit-record.ts';
import { systemClock } from '../../../src/core/clock.ts';

const limits = {
  queueRecords: 8,
  queueBytes: 100_000,
  outcomeRecords: 4,
  outcomeBytes: 100_000,
  batchRecords: 3,
  batchBytes: 100_000,
};
const claim = { approvalId: 'a', binding: 'b', requester: 'c' };

function group(more: Partial<Group> = {}, records = 1): Group {
  return groupOf(
    Array.from({ length: records }, () => ({ kind: 'call.deny' })),
    more,
  );
}
function groupOf(records: readonly AuditRecord[], more: Partial<Group> = {}): Group {
  const entries = records.map(record => createEntry(record, 'boot', systemClock));
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  return {
    entries,
    claim: undefined,
    bytes,
    lane: 'awaited',
    patient: false,
    state: 'waiting',
    alone: false,
    settle: () => undefined,
    ...more,
  };
}
function fill(intake: Intake, groups: readonly Group[]): void {
  for (const one of groups) intake.offer(one);
}

describe('Intake', () => {
  test('gives what nobody waits for a share of each batch, then the others in order, up to the size of a batch', () => {
    const intake = new Intake(limits);
    const [first, second, third] = [group(), group(), group()];
    const outcome = group({ lane: 'unawaited' });
    fill(intake, [first, second, third, outcome]);
    expect(intake.take()).toEqual([outcome, first, second]);
    expect(intake.take()).toEqual([third]);
    expect(intake.take()).toEqual([]);
    expect([intake.records, intake.bytes]).toEqual([0, 0]);
  });

  test('is patient while it holds nothing but patient groups', () => {
    const intake = new Intake(limits);
    expect(intake.patient).toBe(false);
    fill(intake, [group({ lane: 'unawaited', patient: true }, 2)]);
    expect(intake.patient).toBe(true);
    fill(intake, [group()]);
    expect(intake.patient).toBe(false);
    const taken = intake.take();
    expect([taken.length, intake.patient]).toEqual([2, false]);
    intake.putBack(taken.slice(0, 1));
    expect(intake.patient).toBe(true);
  });

  test.each<Partial<Group>>([{ claim }, { alone: true }])('gives a group with %j a batch of its own', more => {
    const intake = new Intake(limits);
    const [before, single, after] = [group(), group(more), group()];
    fill(intake, [before, single, after]);
    expect([intake.take(), intake.take(), intake.take()]).toEqual([[before], [single], [after]]);
  });

  test('drops what was given up while it waited', () => {
    const intake = new Intake(limits);
    const [gone, there] = [group(), group()];
    fill(intake, [gone, there]);
    gone.state = 'given-up';
    expect(intake.take()).toEqual([there]);
    expect(intake.records).toBe(0);
  });

  test('puts a batch back in front, in order', () => {
    const intake = new Intake(limits);
    const all = [group(), group(), group(), group()];
    fill(intake, all);
    intake.putBack(intake.take());
    expect([...intake.take(), ...intake.take()]).toEqual(all);
  });

  test('refuses what does not fit, and counts records and not groups', () => {
    const intake = new Intake(limits);
    fill(intake, [group({}, 5), group({}, 3)]);
    expect(() => intake.offer(group())).toThrow(/cannot keep up/);
    intake.offer(group({ lane: 'unawaited' }));
  });

  test('refuses by bytes', () => {
    const one = group();
    const intake = new Intake({ ...limits, queueBytes: one.bytes * 2 });
    fill(intake, [group(), group()]);
    expect(() => intake.offer(group())).toThrow(/cannot keep up/);
  });

  test('leaves three quarters of its room to callers who proved who they are', () => {
    const intake = new Intake(limits);
    fill(intake, [group({ lane: 'stranger' }), group({ lane: 'stranger' })]);
    expect(() => intake.offer(group({ lane: 'stranger' }))).toThrow(/cannot keep up/);
    intake.offer(group({}, 8));
  });

  test('lets neither lane starve the other', () => {
    const intake = new Intake({ ...limits, batchRecords: 4 });
    const waiting = Array.from({ length: 8 }, () => group());
    const spare = Array.from({ length: 8 }, () => group({ lane: 'unawaited' }));
    fill(intake, [...waiting, ...spare]);
    expect(intake.take()).toEqual([...spare.slice(0, 1), ...waiting.slice(0, 3)]);
  });

  test('stays in order over thousands of groups', () => {
    const intake = new Intake({ ...limits, queueRecords: 10_000, queueBytes: 10_000_000 });
    const all = Array.from({ length: 3_000 }, () => group());
    fill(intake, all);
    const seen: Group[] = [];
    for (let batch = intake.take(); batch.length > 0; batch = intake.take()) {
      if (seen.length % 7 === 0) {
        intake.putBack(batch);
        batch = intake.take();
      }
      seen.push(...batch);
    }
    expect(seen.length).toBe(all.length);
    expect(seen.every((one, index) => one === all[index])).toBe(true);
  });
});

describe('Intake with intents', () => {
  const intents = (call: string, legs: number): AuditRecord[] =>
    Array.from({ length: legs }, (_, leg) => ({ kind: 'call.intent', callId: call, leg }));
  const outcome = (callId: string, leg = 0): AuditRecord => ({ kind: 'call.outcome', callId, leg });
  const offerOutcome = (intake: Intake, record: AuditRecord): void =>
    intake.offer(groupOf([record], { lane: intake.laneOf(record) }));

  test('takes an intent only while there is room for its outcome, all of a group or none', () => {
    const intake = new Intake(limits);
    intake.offer(groupOf(intents('a', 3)));
    expect(() => intake.offer(groupOf(intents('b', 2)))).toThrow(/cannot keep up/);
    expect(intake.reserved).toBe(3);
    intake.offer(groupOf(intents('b', 1)));
    expect(() => intake.offer(groupOf(intents('c', 1)))).toThrow(/cannot keep up/);
    intake.offer(group());
  });

  test('takes an intent only while there are bytes for its outcome', () => {
    const intake = new Intake({ ...limits, outcomeBytes: 4_000 });
    fill(intake, [groupOf(intents('a', 1)), groupOf(intents('b', 1))]);
    expect(() => intake.offer(groupOf(intents('c', 1)))).toThrow(/cannot keep up/);
  });

  test('takes the outcome of every intent it took, however full it is otherwise', () => {
    const intake = new Intake(limits);
    intake.offer(groupOf(intents('a', 4)));
    intake.take();
    fill(intake, [group({}, 8), group({ lane: 'unawaited' }, 8)]);
    for (const leg of [0, 1, 2, 3]) offerOutcome(intake, outcome('a', leg));
    expect(intake.reserved).toBe(0);
    expect(intake.take().map(one => one.entries[0]?.record)).toEqual([0, 1, 2].map(leg => outcome('a', leg)));
  });

  test('gives no room to a second outcome, nor to one of a call that is not its own', () => {
    const intake = new Intake(limits);
    intake.offer(groupOf(intents('a', 1)));
    intake.offer(group({ lane: 'unawaited' }, 8));
    offerOutcome(intake, outcome('a'));
    expect(() => offerOutcome(intake, outcome('a'))).toThrow(/cannot keep up/);
    expect(() => offerOutcome(intake, outcome('x'))).toThrow(/cannot keep up/);
  });

  test('counts queued outcomes against the room for new ones until they are taken', () => {
    const intake = new Intake(limits);
    intake.offer(groupOf(intents('a', 4)));
    intake.take();
    offerOutcome(intake, outcome('a', 1));
    expect(() => intake.offer(groupOf(intents('b', 1)))).toThrow(/cannot keep up/);
    intake.take();
    intake.offer(groupOf(intents('b', 1)));
  });

  test('gives the room back when an intent was given up before it was written, or refused', () => {
    const intake = new Intake(limits);
    const [gone, refused] = [groupOf(intents('a', 2)), groupOf(intents('b', 2))];
    fill(intake, [gone, refused]);
    gone.state = 'given-up';
    expect(intake.take()).toEqual([refused]);
    expect(intake.reserved).toBe(2);
    intake.release(refused);
    expect(intake.reserved).toBe(0);
  });
});

describe('DropReport', () => {
  test('tells at most once a second, and the whole number', () => {
    let now = 0;
    const told: string[] = [];
    const drops = new DropReport({ ...systemClock, monotonic: () => now }, problem => void told.push(problem));
    for (let n = 0; n < 100; n += 1) drops.count('full');
    expect(told).toHaveLength(1);
    now = 1_000_000;
    drops.count('full');
    drops.count('full');
    drops.tell();
    drops.tell();
    expect(told.map(line => Number(/^\d+/.exec(line)?.[0]))).toEqual([1, 100, 1]);
    expect(drops.total).toBe(102);
  });
});

describe('Breaker', () => {
  test('opens at the given failure in a row and closes with one success', () => {
    const breaker = new Breaker({ failures: 3, retryMs: 10, probeMs: 1_000 });
    expect([breaker.failed('a'), breaker.failed('b')]).toEqual([false, false]);
    expect([breaker.open, breaker.pauseMs]).toEqual([false, 10]);
    expect(breaker.failed('c')).toBe(true);
    expect([breaker.open, breaker.pauseMs, breaker.reason]).toEqual([true, 1_000, 'c']);
    expect(breaker.failed('d')).toBe(false);
    breaker.succeeded();
    expect([breaker.open, breaker.reason]).toEqual([false, undefined]);
  });
});
