import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildBatch, leafHash } from '../../../src/audit/batch.ts';
import { encodeRecord, finishBody, maxBodyBytes } from '../../../src/audit/canonical.ts';
import { type AuditRecord, auditKinds } from '../../../src/core/audit-record.ts';

const stamp = { bootId: '0190a1b2-0000-7000-8000-000000000001', time: 1_700_000_000_123, mono: 42 };
const body = (record: AuditRecord, wseq = 7): string => finishBody(encodeRecord(record, stamp), wseq);

describe('encodeRecord', () => {
  test('gives the bytes of RFC 8785 for a record with every kind of member', () => {
    const record: AuditRecord = {
      kind: 'call.intent',
      callId: 'c-1',
      leg: 0,
      principal: 'älice "x"\\',
      groups: ['b', 'a'],
      proofs: [
        { kind: 'mtls', fingerprint: 'ff', serial: '01', issuer: 'CN=ca' },
        {
          kind: 'jwt',
          issuer: 'https://idp',
          subject: 's',
          audience: ['t'],
          tokenId: undefined,
          keyId: 'k1',
          algorithm: 'ES256',
          fingerprint: 'ee',
        },
      ],
      peerPort: 40_000,
      decision: 'allow',
      request: { zeta: 'z', alpha: ['1', true], secret: { length: '3', digest: 'hmac:1:aa' } },
      durationUs: 9_007_199_254_740_991,
    };
    expect(body(record)).toBe(
      '{"bootId":"0190a1b2-0000-7000-8000-000000000001","callId":"c-1","decision":"allow","durationUs":"9007199254740991",' +
        '"groups":["b","a"],"kind":"call.intent","leg":"0","mono":"42","peerPort":"40000","principal":"älice \\"x\\"\\\\",' +
        '"proofs":[{"fingerprint":"ff","issuer":"CN=ca","kind":"mtls","serial":"01"},{"algorithm":"ES256","audience":["t"],' +
        '"fingerprint":"ee","issuer":"https://idp","keyId":"k1","kind":"jwt","subject":"s"}],' +
        '"request":{"alpha":["1",true],"secret":{"digest":"hmac:1:aa","length":"3"},"zeta":"z"},' +
        '"time":"2023-11-14T22:13:20.123Z","v":"1","wseq":"7"}',
    );
  });

  test('gives the shortest record its vector and its leaf', () => {
    const bytes = Buffer.from(body({ kind: 'boot.open' }, 1));
    expect(bytes.toString()).toBe(
      '{"bootId":"0190a1b2-0000-7000-8000-000000000001","kind":"boot.open","mono":"42","time":"2023-11-14T22:13:20.123Z","v":"1","wseq":"1"}',
    );
    expect(leafHash(bytes).toString('hex')).toBe(hash('sha256', Buffer.concat([Buffer.of(0), bytes]), 'hex'));
  });

  test('spells out control characters and direction marks, and mends half surrogate pairs', () => {
    const parsed = JSON.parse(body({ kind: 'call.deny', asked: 'a\u0000b\u202ec\n\ud800d😀' })) as { asked: string };
    expect(parsed.asked).toBe('a\\u{0}b\\u{202e}c\\u{a}\ufffdd😀');
  });

  test('keeps members apart whose names are the same after cleaning', () => {
    const parsed = JSON.parse(body({ kind: 'call.deny', request: { 'a\u0001': '1', 'a\\u{1}': '2' } })) as {
      request: Record<string, string>;
    };
    expect(Object.values(parsed.request).sort()).toEqual(['1', '2']);
  });

  test('cuts long text between characters and says how much is missing', () => {
    const parsed = JSON.parse(body({ kind: 'call.deny', reason: 'ä'.repeat(2_000) })) as { reason: string };
    expect(Buffer.byteLength(parsed.reason)).toBeLessThanOrEqual(1_024);
    expect(parsed.reason).toMatch(/^ä+…\(\+\d+ bytes\)$/);
  });

  test('clamps numbers that no column could hold', () => {
    const parsed = JSON.parse(
      body({ kind: 'call.outcome', grpcCode: 1e30, leg: -1, durationUs: Number.NaN }),
    ) as object;
    expect(parsed).toMatchObject({ grpcCode: '2147483647', leg: '0' });
    expect(parsed).not.toHaveProperty('durationUs');
  });

  test('is canonical and within its size whatever the text, lists and nesting', () => {
    const short = fc.string({ unit: 'binary', maxLength: 30 });
    const text = fc.oneof({ weight: 6, arbitrary: short }, { weight: 1, arbitrary: short.map(one => one.repeat(90)) });
    const { value } = fc.letrec(tie => ({
      value: fc.oneof(text, fc.boolean(), fc.array(tie('value'), { maxLength: 40 })),
    }));
    const record = fc.record(
      {
        kind: fc.constantFrom(...auditKinds),
        callId: text,
        principal: text,
        groups: fc.array(text, { maxLength: 400 }),
        asked: text,
        resource: text,
        rule: text,
        userAgent: text,
        grpcMessage: text,
        proofs: fc.array(fc.record({ kind: fc.constant('mtls'), fingerprint: text, serial: text, issuer: text }), {
          maxLength: 12,
        }),
        request: fc.dictionary(text, value, { maxKeys: 30 }),
        details: fc.dictionary(text, value, { maxKeys: 30 }),
        durationUs: fc.double(),
      },
      { requiredKeys: ['kind'] },
    );
    fc.assert(
      fc.property(record, one => {
        const bytes = body(one as AuditRecord, Number.MAX_SAFE_INTEGER);
        expect(Buffer.byteLength(bytes)).toBeLessThanOrEqual(maxBodyBytes);
        expect(recanonicalise(JSON.parse(bytes))).toBe(bytes);
        expect(bytes).not.toMatch(/[\u0000-\u001f\u202a-\u202e]/);
      }),
      { numRuns: 100 },
    );
  });
});

describe('buildBatch', () => {
  test('numbers the records on and hashes each over a zero byte and its body', () => {
    const encoded = [
      encodeRecord({ kind: 'boot.open' }, stamp),
      encodeRecord({ kind: 'call.deny', asked: 'ö' }, stamp),
    ];
    const batch = buildBatch(encoded, 9);
    let offset = 0;
    for (const [index, end] of batch.ends.entries()) {
      const bytes = batch.bodies.subarray(offset + 1, end);
      expect(bytes.toString()).toBe(finishBody(encoded[index] ?? '', 9 + index));
      expect(batch.leaves.subarray(32 * index, 32 * index + 32)).toEqual(leafHash(bytes));
      offset = end;
    }
    expect(offset).toBe(batch.bodies.length);
  });
});

/** An independent reading of RFC 8785 for what may stand in a body: strings, booleans, lists and objects. */
function recanonicalise(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(recanonicalise).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = value as Record<string, unknown>;
  const sorted = Object.keys(members).sort();
  return `{${sorted.map(key => `${JSON.stringify(key)}:${recanonicalise(members[key])}`).join(',')}}`;
}
