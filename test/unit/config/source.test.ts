import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSource, type Source } from '../../../src/config/source.ts';

function good(text: string): Source {
  const source = readSource(text);
  if (!('value' in source)) throw new Error(JSON.stringify(source));
  return source;
}

function problems(text: string): string[] {
  const source = readSource(text);
  if ('value' in source) throw new Error('was accepted');
  return source.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

describe('readSource', () => {
  it('reads values and knows where they stand', () => {
    const source = good('a:\n  b:\n    - x\n    - {c: 1, d: 2}\n');
    expect(source.value).toEqual({ a: { b: ['x', { c: 1, d: 2 }] } });
    expect(source.positionOf(['a', 'b', 1, 'd'])).toEqual({ line: 4, column: 17 });
    expect(source.positionOfKey(['a', 'b', 1, 'd'])).toEqual({ line: 4, column: 14 });
  });

  it('leads to the nearest thing that is there', () => {
    const source = good('a:\n  b: 1\n');
    expect(source.positionOf(['a', 'missing', 'deeper'])).toEqual({ line: 2, column: 3 });
    expect(source.positionOf(['missing'])).toEqual({ line: 1, column: 1 });
    expect(good('').positionOf(['a'])).toEqual({ line: 1, column: 1 });
  });

  it('follows an alias to where its value is written', () => {
    const source = good('a: &shared\n  b: 1\nc: *shared\n');
    expect(source.value).toEqual({ a: { b: 1 }, c: { b: 1 } });
    expect(source.positionOf(['c', 'b'])).toEqual({ line: 2, column: 6 });
  });

  it.each([
    ['a repeated key', 'a: 1\na: 2\n', '2:1 this key stands in the section twice'],
    ['a tab', 'a:\n\tb: 1\n', '2:1 YAML is indented with blanks, not with tabs'],
    ['a second document', 'a: 1\n---\nb: 2\n', '2:1 a second document'],
    ['an unknown tag', 'a: !secret b\n', '1:4 Unresolved tag'],
    ['a merge key', 'a: &x {b: 1}\nc:\n  <<: *x\n', '3:3 merge keys'],
    ['a key that is no text', 'a: 1\n2: b\n', '2:1 this key is not plain text'],
    ['a list as key', '? [a]\n: b\n', '1:3 this key is not plain text'],
    ['an open quote', 'a: "b\n', '2:1 Missing closing'],
    ['an alias to nothing', 'a: *nobody\n', '1:'],
  ])('places %s', (_, text, expected) => {
    expect(problems(text).join('\n')).toContain(expected);
  });

  it('refuses aliases that multiply without end', () => {
    const levels = Array.from({ length: 12 }, (_, n) => `l${n + 1}: &l${n + 1} [${`*l${n},`.repeat(9)}*l${n}]`);
    expect(problems(['l0: &l0 [x]', ...levels].join('\n'))).toHaveLength(1);
  });

  it('never throws, whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string({
            unit: fc.constantFrom(
              'a',
              ':',
              '-',
              '{',
              '}',
              '[',
              ']',
              '&',
              '*',
              '!',
              '#',
              '|',
              '>',
              '\n',
              '\t',
              ' ',
              '"',
              '?',
            ),
          }),
        ),
        text => {
          expect(readSource(text)).toBeDefined();
        },
      ),
      { numRuns: 500 },
    );
  });
});
