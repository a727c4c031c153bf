import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineEditor } from '../../../src/approvals/line-editor.ts';
import { screenOf } from '../../support/screen.ts';

const prompt = 'reason> ';

/** Types pieces one after the other and says what came of it. */
function typed(...pieces: (string | Buffer)[]): { text: string; state: string; printed: string } {
  const editor = new LineEditor(prompt, 20);
  let printed = editor.start();
  let state = 'typing';
  for (const piece of pieces) {
    if (state !== 'typing') break;
    const step = editor.type(typeof piece === 'string' ? Buffer.from(piece) : piece);
    printed += step.echo;
    state = step.state;
  }
  return { text: editor.text, state, printed };
}

describe('LineEditor', () => {
  test.each([
    ['plain text and Enter', 'fix it\r', 'fix it', 'entered'],
    ['line feed as Enter, and drops what follows it', 'one\ntwo', 'one', 'entered'],
    ['Backspace as DEL and as BS', 'abc\x7f\x08', 'a', 'typing'],
    ['Backspace at the beginning', '\x7f\x7fa', 'a', 'typing'],
    ['Backspace over a whole character', 'e\u0301再👍🏽\x7f', 'e\u0301再', 'typing'],
    ['Backspace over a letter with its accent', 'e\u0301\x7f', '', 'typing'],
    ['Ctrl-U', 'one two\x15three', 'three', 'typing'],
    ['Ctrl-W, with the blanks behind the word', 'one two  \x17', 'one ', 'typing'],
    ['Ctrl-W on an empty line', '\x17', '', 'typing'],
    ['Ctrl-D as leaving while empty', '\x04', '', 'left'],
    ['Ctrl-D as nothing while not', 'a\x04b', 'ab', 'typing'],
    ['Ctrl-C as leaving at any time', 'a\x03b', 'a', 'left'],
    ['Ctrl-C as leaving from inside a sequence', 'a\x1b]0;\x03', 'a', 'left'],
    ['Tab as a blank', 'a\tb', 'a b', 'typing'],
    ['arrows and function keys as nothing', 'a\x1b[A\x1b[1;5D\x1bOP\x1b[15~b', 'ab', 'typing'],
    ['Alt and a letter as nothing', 'a\x1bfb', 'ab', 'typing'],
    [
      'what a terminal answers to questions as nothing',
      'a\x1b[>0;276;0c\x1b]11;rgb:0/0/0\x1b\\\x1bP1$r\x1b\\b',
      'ab',
      'typing',
    ],
    ['a string that ends with a bell as nothing', '\x1b]8;;http://x\x07b', 'b', 'typing'],
    ['Enter out of a string that never ends', 'a\x1b]oops\r', 'a', 'entered'],
    [
      'other controls, bidirectional marks and eight-bit controls as nothing',
      'a\x00\x0b\x9b31m\u202e\u200bb',
      'a31mb',
      'typing',
    ],
  ])('takes %s', (_, keys, text, state) => {
    expect(typed(keys)).toMatchObject({ text, state });
    // A terminal sends the same in pieces of any size.
    expect(typed(...Array.from(Buffer.from(keys), byte => Buffer.of(byte))).text).toBe(text);
  });

  test('echoes what it takes and nothing else', () => {
    expect(typed('fix\x1b[A it').printed).toBe(`${prompt}fix it`);
    expect(typed('a', Buffer.of(0xc3), Buffer.of(0xa9)).printed).toBe(`${prompt}aé`);
    expect(typed(Buffer.of(0xff, 0xfe, 0x61)).printed).toBe(`${prompt}a`);
  });

  test('rings and takes no more at its limit', () => {
    const full = typed('👍'.repeat(20), 'x');
    expect(full.text).toBe('👍'.repeat(20));
    expect(full.printed.endsWith('\x07')).toBe(true);
  });

  test('recovers from a sequence that is longer than any key', () => {
    expect(typed(`\x1b]${'x'.repeat(100)}`).text.length).toBeGreaterThan(0);
  });

  test('shows on the screen what it holds, whatever is typed and however narrow the terminal', () => {
    const key = fc.constantFrom('a', 'b', ' ', '再', 'ü', '\x7f', '\x7f', '\x15', '\x17', '\x1b[A');
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 30 }), fc.array(key, { maxLength: 60 }), (width, keys) => {
        const editor = new LineEditor(prompt, 40);
        editor.resize(width);
        let printed = `earlier line\r\n${editor.start()}`;
        for (const one of keys) printed += editor.type(Buffer.from(one)).echo;
        const expected = screenOf(`earlier line\r\n${prompt}${editor.text}`, width);
        const trimmed = (lines: string[]): string =>
          lines
            .map(line => line.trimEnd())
            .join('\n')
            .trimEnd();
        expect(trimmed(screenOf(printed, width))).toBe(trimmed(expected));
      }),
      { numRuns: 500 },
    );
  });
});
