import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { openChunk, sealChunk } from '../../../src/sessions/cipher.ts';
import { EchoFollower } from '../../../src/sessions/echo.ts';
import { decodeEvents, encodeEvent, type SessionEvent } from '../../../src/sessions/events.ts';
import {
  makeAuditorKey,
  readAuditorKey,
  unwrapWithAuditor,
  unwrapWithDeployment,
  wrapKey,
} from '../../../src/sessions/keys.ts';

const session = '01980000-0000-7000-8000-000000000000';

describe('events', () => {
  const bytes = fc.uint8Array({ maxLength: 50 }).map(data => Buffer.from(data));
  const at = fc.integer({ min: 0, max: 2 ** 47 });
  const number = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  const event: fc.Arbitrary<SessionEvent> = fc.oneof(
    fc.record({ at, kind: fc.constantFrom('output' as const, 'echoed' as const), data: bytes }),
    fc.record({ at, kind: fc.constant('typed' as const), bytes: number }),
    fc.record({ at, kind: fc.constant('signal' as const), signal: number }),
    fc.record({ at, kind: fc.constant('resize' as const), width: number, height: number }),
    fc.record({ at, kind: fc.constant('end-of-input' as const) }),
    fc.record({ at, kind: fc.constant('exit' as const), code: number }),
  );

  test('come out of a chunk as they went in', () => {
    fc.assert(
      fc.property(fc.array(event), events => {
        expect(decodeEvents(Buffer.concat(events.flatMap(encodeEvent)))).toEqual(events);
      }),
    );
  });

  test('a chunk that is cut anywhere inside an event is refused', () => {
    const chunk = Buffer.concat(encodeEvent({ at: 7, kind: 'output', data: Buffer.from('abc') }));
    for (let length = 1; length < chunk.length; length += 1) {
      expect(() => decodeEvents(chunk.subarray(0, length))).toThrow(/not made of events/);
    }
  });
});

describe('a sealed chunk', () => {
  const key = randomBytes(32);
  const place = { session, seq: 3, direction: 'out' as const };
  const sealed = sealChunk(key, place, Buffer.from('what was shown'));

  test('opens in its place', () => {
    expect(openChunk(key, place, sealed).toString()).toBe('what was shown');
    expect(sealed.includes('shown')).toBe(false);
  });

  test.each([
    ['another number', { ...place, seq: 4 }],
    ['another direction', { ...place, direction: 'in' as const }],
    ['another session', { ...place, session: session.replace('0', '1') }],
  ])('does not open with %s', (_what, other) => {
    expect(() => openChunk(key, other, sealed)).toThrow(/cannot be opened/);
  });

  test('does not open with a changed byte or another key', () => {
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(index) ^ 1, index);
      expect(() => openChunk(key, place, changed)).toThrow(/cannot be opened/);
    }
    expect(() => openChunk(randomBytes(32), place, sealed)).toThrow(/cannot be opened/);
  });
});

describe('the key of a session', () => {
  const dataKey = randomBytes(32);
  const deployment = 'd'.repeat(32);
  const [one, two, stranger] = [makeAuditorKey(), makeAuditorKey(), makeAuditorKey()];
  const auditors = [one, two].map(pair => readAuditorKey(pair.publicKey));

  test("is the deployment's without auditors", () => {
    const keys = wrapKey(dataKey, session, { auditors: [], deployment }, systemClock);
    expect(unwrapWithDeployment(keys, session, deployment)).toEqual(dataKey);
    expect(unwrapWithDeployment(keys, session, 'e'.repeat(32))).toBeUndefined();
    expect(JSON.stringify(keys)).not.toContain(dataKey.toString('base64').slice(0, 20));
  });

  test("is every auditor's, and then not the deployment's", () => {
    const keys = wrapKey(dataKey, session, { auditors, deployment }, systemClock);
    expect(unwrapWithAuditor(keys, session, one.privateKey)).toEqual(dataKey);
    expect(unwrapWithAuditor(keys, session, two.privateKey)).toEqual(dataKey);
    expect(unwrapWithAuditor(keys, session, stranger.privateKey)).toBeUndefined();
    expect(unwrapWithDeployment(keys, session, deployment)).toBeUndefined();
  });

  test('is of that session', () => {
    const keys = wrapKey(dataKey, session, { auditors, deployment }, systemClock);
    expect(() => unwrapWithAuditor(keys, session.replace('0', '1'), one.privateKey)).toThrow(/altered/);
  });

  test('an auditor hands in the public half, of the right kind', () => {
    expect(() => readAuditorKey(one.privateKey)).toThrow(/private half/);
    expect(() => readAuditorKey('nonsense')).toThrow();
  });
});

describe('what is kept of the keyboard', () => {
  const text = (lines: readonly { data: Buffer }[]): string[] => lines.map(line => line.data.toString());

  function play(steps: readonly (readonly ['type' | 'print', string])[]): string[] {
    const echo = new EchoFollower();
    const kept: string[] = [];
    for (const [what, data] of steps) {
      if (what === 'type') echo.typed(1, Buffer.from(data));
      else kept.push(...text(echo.printed(Buffer.from(data))));
    }
    return kept;
  }
  const shown = (keys: string): (readonly ['type' | 'print', string])[] =>
    Array.from(keys).flatMap(key => [['type', key] as const, ['print', key === '\r' ? '\r\n' : key] as const]);

  test('a line whose every key came back', () => {
    expect(play(shown('ls -l\r'))).toEqual(['ls -l\r']);
    expect(
      play([
        ['type', 'id\r'],
        ['print', 'id\r'],
        ['print', '\nuid=0\r\n# '],
      ]),
    ).toEqual(['id\r']);
    expect(
      play([
        ['type', 'lz\x7fs\r'],
        ['print', 'lz\b \bs\r\n'],
      ]),
    ).toEqual(['ls\r']);
  });

  test('a password is not, nor does it take the next line with it', () => {
    const dark: (readonly ['type' | 'print', string])[] = [
      ...Array.from('hunter2').map(key => ['type', key] as const),
      ['type', '\r'],
      ['print', '\r\n'],
    ];
    expect(play([...shown('su\r'), ['print', 'Password: '], ...dark, ['print', '# '], ...shown('id\r')])).toEqual([
      'su\r',
      'id\r',
    ]);
  });

  test('a password is not, though its first keys happen to be what is printed', () => {
    expect(
      play([
        ['type', 'S'],
        ['print', 'So'],
        ['type', 'ecret\r'],
        ['print', '\r\nSorry\r\n'],
      ]),
    ).toEqual([]);
    expect(
      play([
        ['type', 'ok'],
        ['print', 'o'],
        ['type', 'x\r'],
        ['print', '\r\n'],
      ]),
    ).toEqual([]);
  });

  test('keys that edit make the line unknown, and only that one', () => {
    expect(play([['type', 'l\t'], ['print', 'ls '], ['type', '\r'], ['print', '\r\n'], ...shown('id\r')])).toEqual([
      'id\r',
    ]);
  });

  test('a secret that never comes back is never kept, whatever else is printed', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('# ', '\r\n', 'x', 'Password: ', 'h', 'hu')), printed => {
        const steps = printed.map(data => ['print', data] as const);
        const kept = play([...steps, ['type', 'hunter2'], ...steps, ['type', '\r'], ['print', '\r\n'], ...steps]);
        expect(kept.join('')).not.toContain('hunter2');
      }),
    );
  });
});
