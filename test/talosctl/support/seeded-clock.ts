import { createHash } from 'node:crypto';
import type { Clock } from '../../../src/core/clock.ts';

/** 2026-08-01T12:00:00Z; any moment does. */
const moment = Date.UTC(2026, 7, 1, 12);

/**
 * A clock that stands still, and randomness that is the same in every run. Two simulated clusters with such clocks
 * answer alike byte for byte, so that nothing that the nodes say has to be masked.
 */
export function createSeededClock(): Clock {
  let drawn = 0;
  return {
    now: () => moment,
    monotonic: () => 0,
    random(size) {
      const blocks: Buffer[] = [];
      for (let have = 0; have < size; have += 32) {
        drawn += 1;
        blocks.push(createHash('sha256').update(`compatibility ${drawn}`).digest());
      }
      return Buffer.concat(blocks).subarray(0, size);
    },
  };
}
