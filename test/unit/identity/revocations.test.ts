import { describe, expect, it } from 'vitest';
import { parseRevocations } from '../../../src/identity/revocations.ts';

const fingerprint = 'ab'.repeat(32);
const other = 'cd'.repeat(32);

describe('parseRevocations', () => {
  it('finds serials and fingerprints in any usual spelling', () => {
    const list = parseRevocations(`# left in May\n0A:0b:0C # alice\n\n  ${fingerprint.toUpperCase()}\r\n0x1f\n`);
    expect(list.size).toBe(3);
    expect(list.has({ serial: '0a0b0c', fingerprint: other })).toBe(true);
    expect(list.has({ serial: 'a0b0c', fingerprint: other })).toBe(true);
    expect(list.has({ serial: '99', fingerprint })).toBe(true);
    expect(list.has({ serial: '001f', fingerprint: other })).toBe(true);
    expect(list.has({ serial: '99', fingerprint: other })).toBe(false);
  });

  it('revokes nobody when the list is empty', () => {
    expect(parseRevocations('\n# nobody\n').has({ serial: '00', fingerprint })).toBe(false);
  });

  it('names the line that is neither', () => {
    expect(() => parseRevocations('0a\nalice\n')).toThrow('line 2');
    expect(() => parseRevocations(`${fingerprint}ff`)).toThrow('line 1');
  });
});
