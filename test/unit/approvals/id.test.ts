import { describe, expect, test } from 'vitest';
import { isApprovalId, newApprovalId } from '../../../src/approvals/id.ts';
import { type Clock, systemClock } from '../../../src/core/clock.ts';

const clockOf = (...bytes: number[]): Clock => {
  let next = 0;
  return {
    ...systemClock,
    random: size => Buffer.from(Array.from({ length: size }, () => bytes[next++ % bytes.length] ?? 0)),
  };
};

describe('newApprovalId', () => {
  test.each([
    ['debug.run', 'dbg'],
    ['config.apply', 'cfg'],
    ['node.reset', 'rst'],
    ['node.hostname', 'nod'],
    ['something.new', 'req'],
    ['', 'req'],
  ])('names %s by %s', (action, prefix) => {
    expect(newApprovalId(action, systemClock)).toMatch(new RegExp(`^${prefix}-[2-9bcdfghjkmnpqrstvwxyz]{5}$`));
  });

  test('throws random bytes away that would favour some letters', () => {
    expect(newApprovalId('debug.run', clockOf(255, 252, 0, 28, 251, 27, 1))).toBe('dbg-22zz3');
  });
});

describe('isApprovalId', () => {
  test('accepts every id that is made', () => {
    for (let i = 0; i < 200; i += 1) expect(isApprovalId(newApprovalId('image.import', systemClock))).toBe(true);
  });

  test.each(['', 'dbg-', 'dbg-7k3f', 'dbg-7k3f99', 'DBG-7K3F9', 'dbg-7k3f9\n', 'dbg-7k3f\0', "' OR 1=1"])(
    'refuses %j',
    text => {
      expect(isApprovalId(text)).toBe(false);
    },
  );
});
