import Value from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { ApprovalSettings, approvalProblems } from '../../../src/approvals/config.ts';

const minute = 60_000;
const settings: ApprovalSettings = {
  pending: 60 * minute,
  claim_window: 30 * minute,
  session: 60 * minute,
  idle: 15 * minute,
  max_open: 10,
  reason_required: true,
  emergency: { enabled: false, fresh: 300_000, blocked_by: 'anyone' as const },
};

describe('approvalProblems', () => {
  test('accepts the defaults and a session up to its cap', () => {
    expect(approvalProblems(settings)).toEqual([]);
    expect(approvalProblems({ ...settings, session: 240 * minute })).toEqual([]);
  });

  test.each([
    ['pending', 60 * minute],
    ['claim_window', 30 * minute],
    ['session', 240 * minute],
    ['idle', 15 * minute],
  ] as const)('refuses %s beyond its cap and below a second', (key, most) => {
    for (const value of [most + 1, 999, 0]) {
      expect(approvalProblems({ ...settings, [key]: value })).toMatchObject([{ path: [key] }]);
    }
    expect(approvalProblems({ ...settings, [key]: most })).toEqual([]);
  });
});

describe('ApprovalSettings', () => {
  const written = {
    pending: '30m',
    claim_window: '10m',
    session: '1h',
    idle: '5m',
    max_open: 3,
    reason_required: false,
    emergency: { enabled: false, fresh: '5m', blocked_by: 'anyone' },
  };

  test('takes durations as they are written', () => {
    expect(Value.Check(ApprovalSettings, written)).toBe(true);
    expect(
      Value.Check(ApprovalSettings, { ...written, base_url: 'https://gate.example.com', approvers: 'leads' }),
    ).toBe(true);
  });

  test('refuses unknown keys, times without a unit and links that are none', () => {
    for (const wrong of [{ pendng: '1h' }, { pending: 60 }, { base_url: 'gate.example.com' }, { max_open: 0 }]) {
      expect(Value.Check(ApprovalSettings, { ...written, ...wrong })).toBe(false);
    }
  });
});
