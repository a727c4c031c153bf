import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { leafHash } from '../../../src/tlog/merkle.ts';
import {
  firstDifference,
  firstRecordOf,
  partialWidth,
  type Tile,
  TileBuilder,
  tilePath,
  tileRoot,
} from '../../../src/tlog/tiles.ts';
import { naiveRoot } from '../../support/naive-tree.ts';

const body = (index: number): Buffer => Buffer.from(`record ${index}`);
const leaves = Array.from({ length: 66_000 }, (_, index) => leafHash(body(index)));

describe('tiles', () => {
  test('hold at each level the roots of full tiles below (C2SP tlog-tiles)', () => {
    const builder = new TileBuilder();
    const full: Tile[] = [];
    for (const leaf of leaves) full.push(...builder.append(leaf));
    expect(full.filter(tile => tile.level === 0)).toHaveLength(257);
    expect(full.filter(tile => tile.level === 1).map(tile => tile.index)).toEqual([0]);
    const first = full[0];
    expect(first?.hashes).toEqual(Buffer.concat(leaves.slice(0, 256)));
    const above = full.find(tile => tile.level === 1);
    expect(above?.hashes.subarray(32, 64)).toEqual(naiveRoot(Array.from({ length: 256 }, (_, i) => body(256 + i))));
    expect(above?.hashes.subarray(32, 64)).toEqual(tileRoot(Buffer.concat(leaves.slice(256, 512))));
    const widths = builder.partial().map(tile => [tile.level, tile.index, tile.hashes.length / 32]);
    expect(widths).toEqual([
      [0, 257, 208],
      [1, 1, 1],
      [2, 0, 1],
    ]);
    expect([0, 1, 2, 3].map(level => partialWidth(leaves.length, level))).toEqual([208, 1, 1, 0]);
  });

  test('are the same when building went on somewhere in between', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 65_500 }), size => {
        const before = new TileBuilder();
        for (const leaf of leaves.slice(0, size)) before.append(leaf);
        const partial: Buffer[][] = [];
        for (const { level, hashes } of before.partial()) {
          partial[level] = Array.from({ length: hashes.length / 32 }, (_, i) => hashes.subarray(i * 32, i * 32 + 32));
        }
        const after = new TileBuilder(
          size,
          Array.from({ length: partial.length }, (_, level) => partial[level] ?? []),
        );
        const next = leaves.slice(size, size + 600);
        expect(next.flatMap(leaf => after.append(leaf))).toEqual(next.flatMap(leaf => before.append(leaf)));
        expect(after.partial()).toEqual(before.partial());
      }),
      { numRuns: 4 },
    );
  });

  test('are named as in the specification', () => {
    expect(tilePath(0, 1_234_067)).toBe('tile/0/x001/x234/067');
    expect(tilePath(2, 0)).toBe('tile/2/000');
    expect(tilePath(1, 999, 17)).toBe('tile/1/999.p/17');
    expect(tilePath('entries', 1000)).toBe('tile/entries/x001/000');
  });

  test('lead back to the first record that a hash stands for', () => {
    expect(firstRecordOf(0, 3, 5)).toBe(773);
    expect(firstRecordOf(1, 1, 2)).toBe(65_536 + 512);
    const tile = Buffer.concat(leaves.slice(0, 4));
    const changed = Buffer.from(tile);
    changed[70] = (changed[70] ?? 0) ^ 1;
    expect(firstDifference(tile, tile)).toBe(-1);
    expect(firstDifference(tile, changed)).toBe(2);
    expect(firstDifference(tile, tile.subarray(0, 64))).toBe(2);
  });
});
