import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { DenialLimiter } from '../../../src/core/denial-limiter.ts';
import { DenialTally } from '../../../src/core/denial-tally.ts';
import { sourcePrefix } from '../../../src/core/source-prefix.ts';

describe('sourcePrefix', () => {
  test.each([
    ['192.0.2.77', '192.0.2.0/24'],
    ['::ffff:192.0.2.77', '192.0.2.0/24'],
    ['2001:db8:1:2fff:3:4:5:6', '2001:db8:1:2f00::/56'],
    ['2001:db8::1', '2001:db8:0:0::/56'],
    ['2001:db8:0:12ab::', '2001:db8:0:1200::/56'],
    ['::1', '0:0:0:0::/56'],
    ['fe80::1%eth0', 'fe80:0:0:0::/56'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/56'],
    ['', 'unknown'],
    ['not an address', 'unknown'],
  ])('of %s is %s', (address, prefix) => {
    expect(sourcePrefix(address)).toBe(prefix);
  });
});

describe('DenialLimiter', () => {
  const at = { us: 0 };
  const clock = { ...systemClock, monotonic: () => at.us };
  const admitted = (limiter: DenialLimiter, sources: readonly string[]): number =>
    sources.filter(source => limiter.admit(source)).length;

  test('admits so many of one source each second', () => {
    const limiter = new DenialLimiter(clock);
    const flood = Array.from({ length: 100 }, () => 'a');
    expect(admitted(limiter, flood)).toBe(10);
    at.us += 999_999;
    expect(admitted(limiter, flood)).toBe(0);
    at.us += 1;
    expect(admitted(limiter, flood)).toBe(10);
  });

  test('admits so many in total each second, however many sources there are', () => {
    at.us += 1_000_000;
    const limiter = new DenialLimiter(clock);
    const flood = Array.from({ length: 1_000 }, (_, n) => `source ${n}`);
    expect(admitted(limiter, flood)).toBe(50);
    expect(admitted(limiter, flood)).toBe(0);
  });
});

describe('DenialTally', () => {
  const sum = (counts: ReadonlyMap<string, number> = new Map()): number =>
    [...counts.values()].reduce((a, b) => a + b, 0);

  test('counts by source and reason, by principal and reason', () => {
    const tally = new DenialTally(systemClock);
    expect(tally.take()).toBeUndefined();
    for (const reason of ['expired', 'expired', 'no-credential']) tally.countSource('192.0.2.0/24', reason);
    tally.countPrincipal('alice', 'overloaded');
    const taken = tally.take();
    expect(taken?.total).toBe(4);
    expect([...(taken?.sources ?? [])]).toEqual([
      ['192.0.2.0/24 expired', 2],
      ['192.0.2.0/24 no-credential', 1],
    ]);
    expect([...(taken?.principals ?? [])]).toEqual([['alice overloaded', 1]]);
    expect(tally.take()).toBeUndefined();
  });

  test('stays bounded and exact over any number of sources and principals', () => {
    const tally = new DenialTally(systemClock);
    for (let n = 0; n < 5_000; n += 1) {
      tally.countSource(`source ${n}`, n % 2 === 0 ? 'expired' : 'bad-token');
      tally.countPrincipal(`someone ${n}`, 'overloaded');
    }
    const taken = tally.take();
    expect([taken?.total, sum(taken?.sources), sum(taken?.principals)]).toEqual([10_000, 5_000, 5_000]);
    expect([taken?.sources.size, taken?.principals.size]).toEqual([102, 25]);
    expect(taken?.sources.get('other expired')).toBe(2_450);
  });

  test('loses nothing when counts are put back', () => {
    let now = 1_000;
    const tally = new DenialTally({ ...systemClock, now: () => now });
    for (let n = 0; n < 300; n += 1) tally.countSource(`source ${n}`, 'expired');
    const taken = tally.take();
    now = 2_000;
    for (let n = 300; n < 600; n += 1) tally.countSource(`source ${n}`, 'expired');
    if (taken !== undefined) tally.putBack(taken);
    const both = tally.take();
    expect([both?.since, both?.total, sum(both?.sources), both?.sources.size]).toEqual([1_000, 600, 600, 101]);
  });
});
