import { createHash } from 'node:crypto';
import { encodeRecord, finishBody } from '../../src/audit/canonical.ts';
import type { AuditLine } from '../../src/core/audit-line.ts';
import type { AuditRecord } from '../../src/core/audit-record.ts';

const bootId = '0199d0c2-0000-7000-8000-000000000001';

/** A record as the log would give it out at this index, with a real body and its real leaf. */
export function lineOf(record: AuditRecord, index = 7): AuditLine {
  const time = Date.UTC(2026, 0, 31, 12, 0, 0, 123) + index;
  const body = finishBody(encodeRecord(record, { bootId, time, mono: 5_000 + index }), index + 1);
  return { index, leaf: leafOf(body), late: false, loggedAt: time + 4, body };
}

/** RFC 6962 section 2.1: the leaf hash of a body, hex. */
export function leafOf(body: string): string {
  return createHash('sha256').update('\0').update(body).digest('hex');
}

/** An intent with every kind of text that has ever troubled a receiver. */
export const intent: AuditRecord = {
  kind: 'call.intent',
  callId: '0199d0c2-1111-7000-8000-000000000002',
  leg: 0,
  principal: 'alice@example.com',
  principalKind: 'person',
  groups: ['talos-operators', 'a,b "c"'],
  proofs: [{ kind: 'mtls', fingerprint: 'ab'.repeat(32), serial: '01', issuer: 'CN=clients' }],
  peerAddress: '192.0.2.7',
  peerPort: 40_123,
  userAgent: '=cmd|\' /C calc\'!A0 "q" ]x\\ \u00e4\u{1f600}',
  method: '/machine.MachineService/Logs',
  action: 'logs.read',
  risk: 'read',
  resource: 'logs/system/kubelet',
  cluster: 'prod',
  node: 'worker-1',
  decision: 'allow',
  rule: 'policies/roles.csv:12',
  policyRevision: 'c0ffee',
  requestDigest: 'cd'.repeat(32),
  request: { id: 'kubelet', follow: true },
};

export const outcome: AuditRecord = {
  kind: 'call.outcome',
  callId: '0199d0c2-1111-7000-8000-000000000002',
  leg: 0,
  principal: 'alice@example.com',
  method: '/machine.MachineService/Logs',
  action: 'logs.read',
  risk: 'read',
  node: 'worker-1',
  grpcCode: 7,
  grpcMessage: 'not today',
  endCause: 'server',
  durationUs: 12_345,
};
