import type { AuditRecord } from '../core/audit-record.ts';
import { grpcCodes } from '../core/grpc.ts';

/** The outcome of an intent that nothing followed, because its caller had been refused before it became durable. */
export function notForwarded(record: AuditRecord): AuditRecord | undefined {
  if (record.kind !== 'call.intent' || record.callId === undefined) return undefined;
  const { callId, leg, approvalId, principal, principalKind, method, action, risk, resource, cluster, node } = record;
  return {
    kind: 'call.outcome',
    callId,
    leg,
    approvalId,
    principal,
    principalKind,
    method,
    action,
    risk,
    resource,
    cluster,
    node,
    grpcCode: grpcCodes.UNAVAILABLE,
    endCause: 'not-forwarded',
  };
}
