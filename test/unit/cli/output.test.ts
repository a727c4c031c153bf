import { describe, expect, test } from 'vitest';
import { safeText, table } from '../../../src/cli/output.ts';

describe('table', () => {
  test('lays rows out in columns as wide as their content', () => {
    expect(table(['ID', 'WHO'], [['a', 'alice'], ['long one', ''], ['b']])).toEqual([
      'ID        WHO',
      'a         alice',
      'long one',
      'b',
    ]);
  });

  test('cannot be made to steer a terminal or to fake a row', () => {
    const hostile = [
      '\u001b[2J',
      '\u001b]0;title\u0007',
      'a\nINDEX  TIME',
      'a\rb',
      '\u009b31m',
      '\u202eevil',
      '\u2066x\u2069',
      'zero\u200bwidth',
      'line\u2028break',
      '\u{e0041}tag',
      '\ud800half',
      '\u007f',
      'tab\there',
    ];
    for (const text of hostile) {
      const lines = table(['A', 'B'], [[text, 'x']]);
      expect(lines).toHaveLength(2);
      for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    }
  });
});

describe('safeText', () => {
  test('leaves what people write as it is', () => {
    for (const text of ['plain', 'Grüße', '日本語', 'emoji 🚀', 'a  b', 'ok, 30 min'])
      expect(safeText(text)).toBe(text);
  });

  test('shows where something was taken out', () => {
    expect(safeText('a\u001bb')).toBe('a\u{fffd}b');
  });
});
