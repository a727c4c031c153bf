import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unifiedDiff } from '../../../src/sim/config/line-diff.ts';

test('unifiedDiff is empty for equal texts', () => {
  expect(unifiedDiff('a\nb\n', 'a\nb\n')).toBe('');
});

test('unifiedDiff shows a change with three lines around it', () => {
  const before = 'a\nb\nc\nd\ne\nf\ng\nh\n';
  expect(unifiedDiff(before, before.replace('e', 'E'))).toBe(
    '--- a\n+++ b\n@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n',
  );
});

test('unifiedDiff keeps changes that are far apart in hunks of their own', () => {
  const lines = Array.from({ length: 40 }, (_unused, index) => `line ${index}`);
  const changed = lines.map((line, index) => (index === 3 || index === 30 ? `${line}!` : line));
  expect(unifiedDiff(lines.join('\n'), changed.join('\n')).match(/^@@/gm)).toHaveLength(2);
});

test('unifiedDiff holds everything needed to get from one text to the other', () => {
  const line = fc.constantFrom('a', 'b', 'c', 'd', '');
  fc.assert(
    fc.property(fc.array(line, { minLength: 1 }), fc.array(line, { minLength: 1 }), (before, after) => {
      const text = (lines: readonly string[]): string => `${lines.join('\n')}\n`;
      expect(apply(text(before), unifiedDiff(text(before), text(after)))).toBe(text(after));
    }),
  );
});

/** A small `patch`: the check's own, so that a wrong hunk header shows. */
function apply(before: string, diff: string): string {
  const source = before.slice(0, -1).split('\n');
  const out: string[] = [];
  let at = 0;
  for (const line of diff.split('\n').slice(2, -1)) {
    const header = /^@@ -(\d+),\d+ \+(\d+),\d+ @@$/.exec(line);
    if (header !== null) {
      for (; at < Number(header[1]) - 1; at += 1) out.push(source[at] ?? '');
      expect(out.length).toBe(Number(header[2]) - 1);
    } else if (line.startsWith('+')) out.push(line.slice(1));
    else {
      expect(source[at]).toBe(line.slice(1));
      if (line.startsWith(' ')) out.push(line.slice(1));
      at += 1;
    }
  }
  return diff === '' ? before : `${[...out, ...source.slice(at)].join('\n')}\n`;
}
