import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayText, wholeText } from '../../../src/catalog/display-text.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('displayText', { timeout: 60_000 }, () => {
  it.each([
    ['/etc/hosts', '/etc/hosts'],
    ['a\nb\u{1b}[31m', 'a\\u{a}b\\u{1b}[31m'],
    ['\u{202e}txt.exe', '\\u{202e}txt.exe'],
    ['a\u{200b}\u{2066}\u{feff}\u{7f}\u{85}\u{2028}', 'a\\u{200b}\\u{2066}\\u{feff}\\u{7f}\\u{85}\\u{2028}'],
    ['grüße €', 'grüße €'],
    ['a   b', 'a   b'],
    [`sh -c true${' '.repeat(57)}; reboot`, 'sh -c true ⟨57 blanks⟩ ; reboot'],
    ['a    ', 'a ⟨4 blanks⟩ '],
    ['a\u{a0}\u{3000}\u{3164}\u{2800}b\u{e000}', 'a\\u{a0}\\u{3000}\\u{3164}\\u{2800}b\\u{e000}'],
  ])('shows %j as %j', (text, shown) => {
    expect(displayText(text)).toBe(shown);
  });

  it.each([
    ['bob:hunter2@ghcr.io/a/b:v1', 'bob:***@ghcr.io/a/b:v1'],
    ['https://bob:hunter2@k8s.example/x?y', 'https://bob:***@k8s.example/x?y'],
    ['https://bob:p@ss@k8s.example/', 'https://bob:***@k8s.example/'],
    [`bob:hunter2@ghcr.io/a@${digest}`, `bob:***@ghcr.io/a@${digest}`],
    ['https://ghp_token@host/x', 'https://***@host/x'],
    ['a https://u:p@h b https://u:q@h', 'a https://u:***@h b https://u:***@h'],
    [`bob:hunter2@x@${digest}`, `bob:***@x@${digest}`],
  ])('masks the password in %s', (text, shown) => {
    expect(displayText(text)).toBe(shown);
  });

  it.each([`ghcr.io/a/b:v1@${digest}`, `b:v1@${digest}`, 'alice@example.com', 'host:5000/a', '@', 'a@b'])(
    'leaves %s',
    text => {
      expect(displayText(text)).toBe(text);
    },
  );

  it('cuts what takes more than 1 KiB of JSON, and says how long it was', () => {
    expect(displayText('x'.repeat(1022))).toBe('x'.repeat(1022));
    const shown = displayText('x'.repeat(5000));
    expect(shown).toMatch(/^x{900,}… \(5000 bytes\)$/);
    expect(displayText('"'.repeat(600))).toContain('… (600 bytes)');
  });

  it('shows what stands behind more blanks than fit', () => {
    expect(displayText(`a${' '.repeat(100_000)}; reboot`)).toBe('a ⟨100000 blanks⟩ ; reboot');
  });

  it('never shows a hidden character nor takes more than 1 KiB of JSON', () => {
    const texts = fc
      .array(fc.string({ unit: 'binary', maxLength: 50 }), { maxLength: 60 })
      .map(parts => parts.join(''));
    fc.assert(
      fc.property(texts, text => {
        const shown = displayText(text);
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
        expect(Buffer.byteLength(JSON.stringify(shown))).toBeLessThanOrEqual(1024);
      }),
    );
  });

  it('masks a password that reaches over the cut', () => {
    expect(displayText(`bob:${'s'.repeat(5000)}@host`)).toBe('bob:***@host');
  });
});

describe('wholeText', () => {
  it('masks nothing', () => {
    expect(wholeText('sh:$(reboot)@h https://t@h')).toBe('sh:$(reboot)@h https://t@h');
  });

  it('escapes and counts blanks as displayText does', () => {
    expect(wholeText('a\u{202e}b      c')).toBe('a\\u{202e}b ⟨6 blanks⟩ c');
  });

  it('gives nothing rather than a part', () => {
    expect(wholeText('x'.repeat(1022))).toBe('x'.repeat(1022));
    expect(wholeText('x'.repeat(1023))).toBeUndefined();
    expect(wholeText('"'.repeat(600))).toBeUndefined();
  });
});
