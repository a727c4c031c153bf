import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isPrintable, printable } from '../../../src/core/printable.ts';

describe('printable', () => {
  test.each([
    ['colour and title sequences', '\x1b[31mred\x1b]0;title\x07', '[31mred]0;title'],
    ['eight-bit controls', 'a\x9b31mb\x9d', 'a31mb'],
    ['line breaks', 'one\r\ntwo\u2028three\tfour', 'one two three four'],
    ['bidirectional marks', 'user\u202egnp.exe\u2066x\u2069\u200f', 'usergnp.exex'],
    ['zero-width and tag characters', 'a\u200bb\u{e0041}c\ufeff', 'abc'],
    ['lone surrogates', 'a\ud800b', 'ab'],
    ['piles of combining marks', `e${'\u0301'.repeat(50)}`, `e${'\u0301'.repeat(4)}`],
  ])('takes out %s', (_, text, clean) => {
    expect(printable(text)).toBe(clean);
  });

  test('leaves ordinary text of any script alone', () => {
    for (const text of ['fix stuck kubelet, INC-4711', 'Größe ändern', '再起動', 'مرحبا', '👍🏽 ok']) {
      expect(printable(text)).toBe(text);
    }
  });

  test('cuts at code points and says so', () => {
    expect(printable('👍👍👍👍', 3)).toBe('👍👍…');
    expect(printable('abc', 3)).toBe('abc');
    expect(printable(`${'\x00'.repeat(100)}abc`, 3)).toBe('…');
  });

  const point = fc.oneof(fc.nat(0xff), fc.nat(0xffff), fc.nat(0x10ffff));
  const characters = fc.array(point, { maxLength: 60 }).map(points => String.fromCodePoint(...points));

  test('never lets anything through that a terminal would act on', () => {
    fc.assert(
      fc.property(characters, text => {
        expect(Array.from(printable(text)).filter(character => !isPrintable(character))).toEqual([]);
      }),
    );
  });
});
