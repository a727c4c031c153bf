import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exampleSdId, toSyslog } from '../../../src/export/formats/syslog.ts';
import { intent, lineOf, outcome } from '../../support/lines.ts';

const options = { version: '1.2.3', host: 'gate-1', structuredDataId: exampleSdId, maxBytes: 8192 };

// RFC 5424 section 6, the grammar as it stands there, for messages with one element and without a byte order mark.
const grammar = new RegExp(
  '^<(?<pri>\\d{1,3})>(?<version>[1-9]\\d{0,2}) ' +
    '(?<time>\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d{1,6})?(?:Z|[+-]\\d\\d:\\d\\d)|-) ' +
    '(?<host>[!-~]{1,255}) (?<app>[!-~]{1,48}) (?<proc>[!-~]{1,128}) (?<msgid>[!-~]{1,32}) ' +
    '\\[(?<sdid>[!#-<>-\\\\^-~]{1,32})(?<params>(?: [!#-<>-\\\\^-~]{1,32}="(?:[^"\\\\\\]]|\\\\["\\\\\\]])*")*)\\](?: (?<msg>.*))?$',
  's',
);

function parse(message: string) {
  const groups = grammar.exec(message)?.groups;
  if (groups === undefined) throw new Error(`not RFC 5424: ${message}`);
  const params = [...(groups['params'] ?? '').matchAll(/ ([^=]+)="((?:[^"\\\]]|\\["\\\]])*)"/g)].map(
    ([, name = '', value = '']) => [name, value.replace(/\\(["\\\]])/g, '$1')] as const,
  );
  return { pri: groups['pri'], ...groups, params: Object.fromEntries(params) as Record<string, string> };
}

describe('toSyslog', () => {
  test('is a message of RFC 5424 whose text is the body as JSON in ASCII', () => {
    const line = lineOf(intent);
    const message = parse(toSyslog(line, options));
    expect(message).toMatchObject({
      // Facility 13 (log audit), severity 6.
      pri: '110',
      version: '1',
      time: '2026-01-31T12:00:00.130Z',
      host: 'gate-1',
      app: 'talosgate',
      msgid: 'call.intent',
      sdid: 'talosgate@32473',
      params: { idx: '7', leaf: line.leaf, principal: 'alice@example.com', node: 'worker-1', decision: 'allow' },
    });
    const { msg = '' } = message as { msg?: string };
    expect(msg).toMatch(/^[ -~]*$/);
    expect(JSON.parse(msg)).toEqual(JSON.parse(line.body));
  });

  test('values come out of their quotes as they went in, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...Array.from('"]\\[= \n\u00e4\u{1f600}ab')), maxLength: 24 }),
        node => {
          const line = lineOf({ ...outcome, node });
          const recorded = (JSON.parse(line.body) as { node: string }).node;
          const { params } = parse(toSyslog(line, options));
          if (Buffer.byteLength(recorded) <= 40) expect(params['node']).toBe(recorded);
        },
      ),
    );
  });

  test('what is longer than the receiver takes goes without its body, and says so', () => {
    const long = Object.fromEntries(
      ['principal', 'node', 'cluster', 'reason', 'peerAddress'].map(name => [name, '"]\\\u00e4'.repeat(200)]),
    );
    const line = lineOf({ ...intent, ...long, details: { text: 'x'.repeat(1000), more: '\u00e4'.repeat(500) } });
    const message = toSyslog(line, { ...options, maxBytes: 2048 });
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(2048);
    expect(parse(message).params).toMatchObject({ idx: '7', leaf: line.leaf, truncated: 'true' });
  });

  test('refusals and secrets are more urgent than reads', () => {
    const severity = (over: object) => Number(parse(toSyslog(lineOf({ ...intent, ...over }), options)).pri) % 8;
    expect(severity({})).toBe(6);
    expect(severity({ decision: 'deny', kind: 'call.deny' })).toBe(5);
    expect(severity({ risk: 'shell' })).toBe(4);
    expect(severity({ kind: 'call.unknown' })).toBe(2);
  });
});
