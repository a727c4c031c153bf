import { describe, expect, test } from 'vitest';
import { ShownTerminal } from '../../../src/gateway/shown-terminal.ts';

const plain = '\x1b>\x1b(B\x1b[0m\x1b7\x1b[r\x1b8';

function after(...pieces: string[]): string {
  const shown = new ShownTerminal(true);
  for (const piece of pieces) shown.shows(Buffer.from(piece));
  return shown.putRight();
}

describe('what puts a terminal right', () => {
  test('is nothing at the start of a line, and a new line elsewhere', () => {
    expect(after()).toBe('');
    expect(after('id\r\n', '')).toBe('');
    expect(after('id\r\n', '/ # ')).toBe('\r\n');
  });

  test('takes back what a program has set and nothing else', () => {
    expect(after('\x1b[?1049h\x1b[?1h\x1b=\x1b[?25l~\r\n')).toBe(`\x1b[?1049l\x1b[?1l\x1b[?25h${plain}\r\n`);
    expect(after('\x1b[?1000;1006h', '\x1b[?1006l')).toBe(`\x1b[?1000l${plain}\r\n`);
    expect(after('\x1b[?1049h\x1b[?25l', '\x1b[?25h\x1b[?1049l\r\n')).toBe(plain);
    expect(after('\x1b[?12h\x1b[31mred\r\n')).toBe(plain);
  });

  test('finds a sequence wherever the output was cut', () => {
    const text = 'a\x1b[?1049hb';
    for (let at = 1; at < text.length; at += 1) {
      expect(after(text.slice(0, at), text.slice(at))).toBe(`\x1b[?1049l${plain}\r\n`);
    }
    expect(after(...Array.from(text))).toBe(`\x1b[?1049l${plain}\r\n`);
    expect(after(`\x1b[?${'1;'.repeat(200)}`, '1049h\r\n')).toBe(plain);
  });

  test('is said once', () => {
    const shown = new ShownTerminal(true);
    shown.shows(Buffer.from('\x1b[?1049h'));
    shown.putRight();
    expect(shown.putRight()).toBe('');
  });

  test('is at most a line feed where there is no terminal', () => {
    const shown = new ShownTerminal(false);
    shown.shows(Buffer.from('\x1b[?1049hx'));
    expect(shown.putRight()).toBe('\n');
  });
});
