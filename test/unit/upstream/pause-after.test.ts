import { describe, expect, it } from 'vitest';
import { pauseAfter } from '../../../src/upstream/node-pool.ts';

describe('pauseAfter', () => {
  it('begins with half a second and grows to a quarter of a minute', () => {
    const pauses = Array.from({ length: 12 }, (_, at) => Math.round(pauseAfter(at + 1, 0.5)));
    expect(pauses.slice(0, 4)).toEqual([500, 800, 1280, 2048]);
    expect(pauses.slice(-3)).toEqual([15_000, 15_000, 15_000]);
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
    expect(pauseAfter(10_000, 0.5)).toBe(15_000);
  });

  it('spreads by a fifth either way', () => {
    expect([pauseAfter(1, 0), pauseAfter(1, 1)]).toEqual([400, 600]);
  });
});
