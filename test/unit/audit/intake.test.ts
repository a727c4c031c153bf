import { describe, expect, test } from 'vitest';
import { Breaker } from '../../../src/audit/breaker.ts';
import { createEntry, type Group } from '../../../src/audit/entry.ts';
import { Intake } from '../../../src/audit/intake.ts';
import { systemClock } from '../../../src/core/clock.ts';

const limits = { queueRecords: 8, queueBytes: 100_000, batchRecords: 3, batchBytes: 100_000 };
const claim = { approvalId: 'a', binding: 'b', requester: 'c' };

function group(more: Partial<Group> = {}, records = 1): Group {
  const entries = Array.from({ length: records }, () => createEntry({ kind: 'call.deny' }, 'boot', systemClock));
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  return {
    entries,
    claim: undefined,
    bytes,
    awaited: true,
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
  test('gives what nobody waits for first, then the others in order, up to the size of a batch', () => {
    const intake = new Intake(limits);
    const [first, second, third] = [group(), group(), group()];
    const outcome = group({ awaited: false });
    fill(intake, [first, second, third, outcome]);
    expect(intake.take()).toEqual([outcome, first, second]);
    expect(intake.take()).toEqual([third]);
    expect(intake.take()).toEqual([]);
    expect([intake.records, intake.bytes]).toEqual([0, 0]);
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
    intake.offer(group({ awaited: false }));
  });

  test('refuses by bytes', () => {
    const one = group();
    const intake = new Intake({ ...limits, queueBytes: one.bytes * 2 });
    fill(intake, [group(), group()]);
    expect(() => intake.offer(group())).toThrow(/cannot keep up/);
  });

  test('takes no new calls when there would be no room for their outcomes', () => {
    const intake = new Intake(limits);
    fill(intake, [group({ awaited: false }, 7)]);
    expect(() => intake.offer(group())).toThrow(/cannot keep up/);
    intake.offer(group({ awaited: false }));
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
