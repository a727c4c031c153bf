import { isIP } from 'node:net';
import { describe, expect, test } from 'vitest';
import { type AuditKind, type AuditRecord, auditKinds } from '../../../src/core/audit-record.ts';
import { toOcsf } from '../../../src/export/formats/ocsf.ts';
import { intent, lineOf, outcome } from '../../support/lines.ts';
import { ocsfFacts } from './ocsf-facts.ts';

const context = { version: '1.2.3', host: 'gate-1' };
/** As it leaves: what JSON leaves out is not there. */
const event = (record: AuditRecord) =>
  JSON.parse(JSON.stringify(toOcsf(lineOf(record), context))) as Record<string, unknown>;

describe('toOcsf', () => {
  test.each(auditKinds)('%s becomes an event that the schema accepts, with and without what may be missing', kind => {
    const full = { ...intent, ...outcome, kind, approvalId: 'dbg-7k3f9', reason: 'rule' };
    const bare: AuditRecord = { kind };
    const odd: AuditRecord = {
      kind,
      peerAddress: 'unix',
      grpcCode: 99,
      method: 'GET /api/v1/audit',
      decision: 'approve',
    };
    for (const record of [full, bare, odd]) {
      const found = event(record);
      const type = found['class_uid'] === 3004 ? 'entity_management' : 'api_activity';
      expect(mistakes(found, type, type)).toEqual([]);
      expect(found['type_uid']).toBe(Number(found['class_uid']) * 100 + Number(found['activity_id']));
      expect(found['category_uid']).toBe(Math.floor(Number(found['class_uid']) / 1000));
    }
  });

  test('the checker of this test finds what is wrong', () => {
    const found = event(intent);
    expect(mistakes({ ...found, api: {} }, 'api_activity', 'event')).toEqual(['event.api lacks operation']);
    expect(mistakes({ ...found, severity_id: 7 }, 'api_activity', 'event')).toEqual([
      'event.severity_id is no 0 1 2 3 4 5 6 99',
    ]);
    expect(mistakes({ ...found, colour: 'red' }, 'api_activity', 'event')).toEqual(['event.colour is unknown']);
    expect(mistakes({ ...found, src_endpoint: { port: 1 } }, 'api_activity', 'event')).toHaveLength(1);
  });

  test('classes, activities, statuses and severities follow the table of the design', () => {
    const short = (record: AuditRecord) => {
      const { type_uid, status_id, severity_id, action_id, disposition_id } = event(record);
      return [type_uid, status_id, severity_id, action_id, disposition_id];
    };
    const kind = (name: AuditKind, over: Partial<AuditRecord> = {}) => short({ kind: name, ...over });
    expect(short(intent)).toEqual([600302, 0, 1, 1, 1]);
    expect(short(outcome)).toEqual([600302, 2, 1, undefined, undefined]);
    expect(short({ ...outcome, grpcCode: 0 })).toEqual([600302, 1, 1, undefined, undefined]);
    expect(short({ ...outcome, endCause: 'not-forwarded' })[1]).toBe(99);
    expect(kind('call.unknown', { action: 'logs.read', risk: 'read' })).toEqual([600302, 99, 5, undefined, undefined]);
    expect(kind('call.deny', { decision: 'deny', action: 'node.reset', risk: 'destructive' })).toEqual([
      600304, 2, 3, 2, 2,
    ]);
    expect(kind('call.intent', { decision: 'allow', action: 'debug.run', risk: 'shell' })).toEqual([
      600301, 0, 4, 1, 1,
    ]);
    expect(kind('approval.requested')[0]).toBe(300401);
    expect(kind('approval.decided')[0]).toBe(300403);
    expect(kind('policy.activated')[0]).toBe(300410);
    expect(kind('policy.refused').slice(0, 2)).toEqual([300403, 2]);
    expect(kind('boot.open')[0]).toBe(600399);
    expect(kind('audit.read')[0]).toBe(600302);
  });

  test('index, leaf and body are in every event', () => {
    const line = lineOf(intent);
    expect(event(intent)).toMatchObject({
      metadata: { sequence: 7, uid: '7', correlation_uid: intent.callId },
      unmapped: { idx: 7, leaf: line.leaf, late: false },
      raw_data: line.body,
    });
  });
});

/** What an object does that its facts do not allow, with the place. */
function mistakes(value: unknown, type: string, place: string): string[] {
  if (type.startsWith('[')) {
    if (!Array.isArray(value)) return [`${place} is no list`];
    return value.flatMap((item, i) => mistakes(item, type.slice(1, -1), `${place}[${i}]`));
  }
  const facts = ocsfFacts[type];
  if (facts === undefined) return isScalar(value, type) ? [] : [`${place} is no ${type}`];
  if (typeof value !== 'object' || value === null) return [`${place} is no ${type}`];
  const missing = facts.required.filter(name => !(name in value)).map(name => `${place} lacks ${name}`);
  const bare = facts.atLeastOne?.every(name => !(name in value)) === true ? [`${place} has none of its names`] : [];
  const inner = Object.entries(value).flatMap(([name, member]) => {
    const inside = facts.attributes[name];
    return inside === undefined ? [`${place}.${name} is unknown`] : mistakes(member, inside, `${place}.${name}`);
  });
  return [...missing, ...bare, ...inner];
}

function isScalar(value: unknown, type: string): boolean {
  if (type === 'any') return true;
  if (type === 'string') return typeof value === 'string';
  if (type === 'integer') return Number.isSafeInteger(value);
  if (type === 'ip') return typeof value === 'string' && isIP(value) !== 0;
  return type.split(' ').some(number => Number(number) === value);
}
