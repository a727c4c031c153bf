import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSafePattern } from '../../../src/policy/safe-pattern.ts';

function matches(pattern: string, text: string): boolean {
  const result = parseSafePattern(pattern);
  if (!result.ok) throw new Error(result.message);
  return result.value(text);
}

const symbol = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '[a-c1]', '\\.', '\\w', '\\s');
const counted = fc
  .tuple(symbol, fc.constantFrom('', '', '*', '+', '?', '{2}', '{0,2}', '{1,}'))
  .map(([one, count]) => one + count);
const groupOf = (part: fc.Arbitrary<string>, count: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom('(', '(?:'),
      fc.array(
        fc.array(part, { maxLength: 3 }).map(parts => parts.join('')),
        { minLength: 1, maxLength: 3 },
      ),
      count,
    )
    .map(([open, parts, times]) => `${open}${parts.join('|')})${times}`);

/**
 * Patterns of what is known, made of a few letters so that texts often match. No repeat stands within another: what they
 * are compared with, the RegExp of the language, can take minutes over those.
 */
const patterns = fc
  .array(
    fc.oneof(
      counted,
      groupOf(counted, fc.constant('')),
      groupOf(symbol, fc.constantFrom('*', '+', '?', '{2}', '{0,2}')),
    ),
    { maxLength: 4 },
  )
  .map(parts => parts.join(''));

/** Every text of up to five of these letters. */
function textsOf(letters: string): string[] {
  let texts = [''];
  const all = [''];
  for (let length = 1; length <= 5; length += 1) {
    texts = texts.flatMap(text => Array.from(letters, letter => text + letter));
    all.push(...texts);
  }
  return all;
}

describe('parseSafePattern', () => {
  test('reads what a team would write', () => {
    expect(matches('(INC|CHG)-[0-9]{3,6}( .*)?', 'INC-4711 restart')).toBe(true);
    expect(matches('(INC|CHG)-[0-9]{3,6}( .*)?', 'INC-47')).toBe(false);
  });

  test('is done at once with repeats of repeats of nothing', () => {
    for (const nothing of ['()', '(?:)', 'a{0}']) {
      const nested = Array.from({ length: 18 }).reduce<string>(inner => `(${inner}){99}`, nothing);
      expect([matches(nested, ''), matches(nested, 'a')]).toEqual([true, false]);
    }
  });

  test('means what a regular expression over the whole text means', () => {
    const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', '.', ' '), maxLength: 6 });
    fc.assert(
      fc.property(patterns, fc.array(texts, { maxLength: 10 }), (pattern, given) => {
        fc.pre(parseSafePattern(pattern).ok);
        // `s`: a dot is any character; a reason is one line anyway.
        const wanted = new RegExp(`^(?:${pattern})$`, 'su');
        for (const text of given)
          expect([pattern, text, matches(pattern, text)]).toEqual([pattern, text, wanted.test(text)]);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    '(a*b?)*',
    '((a|b)+){2}',
    '((a?){2}b)*',
    '(a|(b|ab)*)+',
    '((ab)*|b{2})?a',
    '(((a)*b)*){0,2}',
    '(a{0,2}){2}',
  ])('means the same with repeats in repeats: %s', pattern => {
    const wanted = new RegExp(`^(?:${pattern})$`, 'su');
    const texts = textsOf('ab');
    expect(texts.filter(text => matches(pattern, text))).toEqual(texts.filter(text => wanted.test(text)));
  });

  test.each(['(a+)+', '(a|a)*', '(a|aa)+', '(.*a){12}', '(a?){40}a{40}'])(
    'takes no time over %s, which others do',
    pattern => {
      const started = performance.now();
      matches(pattern, `${'a'.repeat(499)}!`);
      expect(performance.now() - started).toBeLessThan(2_000);
    },
  );

  test.each([
    ['^INC', 'leave ^ and $ out'],
    ['a$', 'leave ^ and $ out'],
    ['(?=a)', 'look-around'],
    ['(?<name>a)', 'look-around'],
    ['(a)\\1', '\\1 is not known'],
    ['\\bword', '\\b is not known'],
    ['a**', 'two repetitions'],
    ['a+?', 'two repetitions'],
    ['*', 'nothing to repeat'],
    ['a{1000}', 'followed by a count'],
    ['a{101}', 'at most 100'],
    ['(((a{99}){99}){99})', 'too long'],
    ['(a', 'without its ")"'],
    ['a)', 'a ")" too many'],
    ['[a', 'ends too early'],
    ['[z-a]', 'no range'],
    ['a\\', 'ends too early'],
    ['('.repeat(21), 'more than 20'],
    ['a'.repeat(201), 'longer than 200'],
  ])('refuses %s', (pattern, message) => {
    expect(parseSafePattern(pattern)).toMatchObject({ ok: false, message: expect.stringContaining(message) as string });
  });
});
