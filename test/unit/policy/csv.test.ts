import { describe, expect, test } from 'vitest';
import { splitLine } from '../../../src/policy/csv.ts';

const texts = (line: string) => {
  const split = splitLine(line);
  return split.ok ? split.fields.map(field => field.text) : split.message;
};

describe('splitLine', () => {
  test('trims fields and tells their columns', () => {
    expect(splitLine('p, a ,  "b,c"')).toEqual({
      ok: true,
      comment: '',
      fields: [
        { text: 'p', column: 1 },
        { text: 'a', column: 4 },
        { text: 'b,c', column: 9 },
      ],
    });
  });

  test.each(['', '   ', '# whole line', '  # indented'])('finds no field in %j', line => {
    expect(texts(line)).toEqual([]);
  });

  test('takes a trailing comment off, and hands it over', () => {
    expect(splitLine('a, b # why, because')).toMatchObject({
      fields: [{ text: 'a' }, { text: 'b' }],
      comment: 'why, because',
    });
  });

  test('keeps commas, hashes and doubled quotes inside quotes', () => {
    expect(texts('"a # ""b"", c", d')).toEqual(['a # "b", c', 'd']);
  });

  test('keeps empty fields, so that a missing value is not skipped over', () => {
    expect(texts('a,,b,')).toEqual(['a', '', 'b', '']);
  });

  test.each([
    ['a, "b', 4, 'never closed'],
    ['"a" b', 5, 'comma'],
    ['a"b', 2, 'quote'],
    ['file/a#b', 7, '#'],
  ])('refuses %j at column %i', (line, column, message) => {
    expect(splitLine(line)).toMatchObject({ ok: false, column, message: expect.stringContaining(message) as string });
  });
});
