import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AsciicastWriter } from '../../../src/cli/asciicast.ts';
import { SessionScreen } from '../../../src/cli/session-screen.ts';
import type { SessionEvent } from '../../../src/sessions/events.ts';
import { PlainText } from '../../../src/sessions/plain-text.ts';

const session = {
  id: '01980000-0000-7000-8000-000000000000',
  user: 'bob@example.com',
  cluster: 'demo',
  node: 'worker-1',
  resource: 'debug/privileged',
  state: 'ended',
  started: '2026-01-31T12:00:00.500Z',
  holders: [],
};
const output = (at: number, text: string | Buffer): SessionEvent => ({ at, kind: 'output', data: Buffer.from(text) });

describe('an asciicast', () => {
  function write(events: readonly SessionEvent[]): unknown[] {
    const writer = new AsciicastWriter(session);
    return [...events.flatMap(event => writer.add(event)), ...writer.end()].map(line => JSON.parse(line) as unknown);
  }

  test('begins with the size that the terminal told first, then has every event in its time', () => {
    const events: SessionEvent[] = [
      { at: 10, kind: 'resize', width: 97, height: 31 },
      output(1_000_000, '# '),
      { at: 1_500_000, kind: 'typed', bytes: 3 },
      output(2_000_000, 'id\r\n'),
      { at: 1_500_000, kind: 'echoed', data: Buffer.from('id\r') },
      { at: 3_000_000, kind: 'resize', width: 101, height: 33 },
      { at: 4_000_000, kind: 'exit', code: 0 },
    ];
    expect(write(events)).toEqual([
      expect.objectContaining({
        version: 2,
        width: 97,
        height: 31,
        timestamp: 1769860800,
        env: expect.anything() as unknown,
      }),
      [1, 'o', '# '],
      [2, 'o', 'id\r\n'],
      [2, 'i', 'id\r'],
      [3, 'r', '101x33'],
    ]);
  });

  test('keeps characters whole that lie across events', () => {
    const [euro, at] = [Buffer.from('€'), 5];
    expect(write([output(at, euro.subarray(0, 1)), output(at, euro.subarray(1))]).slice(1)).toEqual([
      [at / 1e6, 'o', '€'],
    ]);
  });

  test('of nothing is a header', () => {
    expect(write([])).toEqual([expect.objectContaining({ width: 80, height: 24 })]);
  });
});

describe('the screen of a replay', () => {
  async function drawn(...parts: readonly (string | Buffer)[]): Promise<string> {
    let out = '';
    const screen = new SessionScreen({ columns: 80, rows: 25, write: text => void (out += text) });
    for (const part of parts) await screen.take(output(0, part));
    screen.draw();
    screen.close();
    return out;
  }
  /** All that may reach the real terminal: text, colours, positions and clearing. */
  const harmless = /^(?:[\r\n]|[^\p{Cc}]|\x1b\[[0-9;]*[mHJK])*$/u;

  test('shows text and colours', async () => {
    const out = await drawn('plain \x1b[1;31mred\x1b[0m done');
    expect(out).toContain('plain ');
    expect(out).toMatch(/\x1b\[0;1;38;5;1mred/);
    expect(out).toMatch(harmless);
  });

  test.each([
    ['a title', '\x1b]0;owned\x07'],
    ['a link', '\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\'],
    ['the clipboard', '\x1b]52;c;ZXZpbA==\x07'],
    ['a device string', '\x1bP$q"p\x1b\\\x1bP+q544e\x1b\\'],
    ['a question', '\x1b[c\x1b[6n\x1b]11;?\x07'],
    ['mouse and paste modes', '\x1b[?1000h\x1b[?2004h\x1b[?1049h'],
    ['an application string', '\x1b_Gf=100;AAAA\x1b\\\x1b^private\x1b\\'],
    ['eight-bit controls', Buffer.from([0xc2, 0x9d, 0x35, 0x32, 0x3b, 0x63, 0x3b, 0x41, 0xc2, 0x9c])],
  ])('keeps %s from the real terminal', async (_what, hostile) => {
    const out = await drawn('before ', hostile, ' after');
    expect(out).toMatch(harmless);
    for (const word of ['owned', 'evil', 'ZXZpbA', '544e', '1000h', '2004h', 'AAAA']) expect(out).not.toContain(word);
  });

  test('lets nothing through, whatever is printed', async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '\x1b',
        '\x1b[',
        '\x1b]',
        '\x1bP',
        '\x07',
        '\x1b\\',
        '\x9b',
        '\x90',
        '\u202e',
        ';',
        '52;',
        'c',
        'h',
        '?',
        '\r\n',
      ),
      fc.string({ unit: 'binary', maxLength: 8 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async pieces => {
        expect(await drawn(...pieces)).toMatch(harmless);
      }),
      { numRuns: 30 },
    );
  }, 60_000);
});

describe('the text of a recording', () => {
  const linesOf = (...parts: readonly string[]): string[] => {
    const text = new PlainText();
    return [...parts.flatMap(part => text.add(Buffer.from(part))), text.rest];
  };

  test('is what was printed, without what steers a terminal', () => {
    expect(linesOf('\x1b[1;32mroot\x1b[0m# ls\r\n', '\x1b]0;title\x07one\ttwo\r', '\nab\b\bxy')).toEqual([
      'root# ls',
      'one\ttwo',
      'xy',
    ]);
  });

  test('is found across pieces, inside a sequence too', () => {
    expect(linesOf('se', 'sa\x1b[', '31', 'mme\r\n')).toEqual(['sesame', '']);
  });
});
