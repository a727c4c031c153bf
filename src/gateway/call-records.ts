import type { ActedFrom } from '../approvals/records.ts';
import type { AuditRecord } from '../core/audit-record.ts';
import type { DenyReason } from '../core/decision.ts';
import type { GrpcStatus } from '../core/grpc.ts';
import { maskSecrets } from '../core/mask-secrets.ts';
import type { AuditValue } from '../core/method.ts';
import { printable } from '../core/printable.ts';
import type { RelayResult } from '../core/relay-result.ts';
import type { UnknownNode } from '../core/target.ts';
import type { RunningCall } from './calls.ts';
import type { Leg } from './leg.ts';

/** Longest text of the caller's own choosing that a record holds, in characters. */
const maxText = 512;

/** The record of a call that was refused before or by policy. `leg` is undefined while no target is known. */
export function denyRecord(
  call: RunningCall,
  reason: DenyReason,
  status: GrpcStatus,
  leg: Leg | undefined,
  details: AuditRecord['details'],
): AuditRecord {
  return {
    ...callFields(call),
    ...(leg === undefined ? { asked: askedOf(call) } : legFields(leg)),
    kind: 'call.deny',
    decision: 'deny',
    reason,
    grpcCode: status.code,
    grpcMessage: printable(status.message, maxText),
    details: leg === undefined ? details : changesOf(call, leg, details),
  };
}

/** The record of one node that nobody knows, in a call to several of which the others are known. */
export function unknownNodeRecord(
  call: RunningCall,
  { at, cluster, asked }: UnknownNode,
  status: GrpcStatus,
): AuditRecord {
  return {
    ...callFields(call),
    kind: 'call.deny',
    leg: at,
    cluster,
    asked: printable(asked, maxText),
    decision: 'deny',
    reason: 'unknown-target',
    grpcCode: status.code,
    grpcMessage: printable(status.message, maxText),
  };
}

/** The record that must be durable before anything goes to the node. */
export function intentRecord(call: RunningCall, leg: Leg): AuditRecord {
  return {
    ...callFields(call),
    ...legFields(leg),
    kind: 'call.intent',
    decision: leg.decision.effect,
    talosRole: leg.talosRole,
    details: marked(leg, changesOf(call, leg)),
  };
}

/** What a leg's record says beside its fields: what a configuration changes there, and what else is known. */
function changesOf(call: RunningCall, leg: Leg, details?: AuditRecord['details']): AuditRecord['details'] {
  const changes = call.changes?.details.get(leg.index);
  return changes === undefined ? details : { ...details, ...changes };
}

/** How the forwarding to one node went. Carries enough of the call to be found by the same filters. */
export function outcomeRecord(
  call: RunningCall,
  leg: Leg,
  result: RelayResult,
  durationUs: number,
  details?: AuditRecord['details'],
): AuditRecord {
  return {
    kind: 'call.outcome',
    callId: call.id,
    leg: leg.index,
    approvalId: leg.grant?.id,
    principal: call.principal?.id,
    method: call.method?.path,
    action: call.facts?.action,
    risk: call.facts?.risk,
    resource: call.facts?.resource,
    cluster: leg.target.cluster,
    node: leg.target.node,
    grpcCode: result.status.code,
    grpcMessage: messageOf(call, result),
    endCause: result.forwarded ? result.endCause : 'not-forwarded',
    requestBytes: result.requestBytes,
    requestMessages: result.requestMessages,
    responseBytes: result.responseBytes,
    responseMessages: result.responseMessages,
    durationUs,
    details: marked(leg, details),
  };
}

/**
 * Text of the status. What a node says of a request with hidden fields may repeat them (Talos quotes the values of unknown
 * keys in a configuration), so only its length is kept; the caller gets it in full.
 */
function messageOf(call: RunningCall, { status, endCause }: RelayResult): string | undefined {
  const { message } = status;
  if (message === '') return undefined;
  if (endCause !== 'server') return printable(message, maxText);
  if (!hasHiddenFields(call)) return printable(maskSecrets(message.slice(0, 4 * maxText)), maxText);
  return `(${Buffer.byteLength(message)} bytes, not kept: they may repeat hidden fields of the request)`;
}

function hasHiddenFields({ facts }: RunningCall): boolean {
  return Object.values(facts?.summary ?? {}).some(isHidden);
}

function isHidden(value: AuditValue): boolean {
  if (typeof value === 'string' || typeof value === 'boolean') return false;
  return 'digest' in value || value.some(isHidden);
}

/** Every record of an emergency says so. */
function marked(leg: Leg, details: AuditRecord['details']): AuditRecord['details'] {
  return leg.grant?.emergency === true ? { ...details, emergency: true } : details;
}

/** Who makes a call and from where, for records about something else that the call does. */
export function actedFrom(call: RunningCall): ActedFrom {
  const { incoming, principal } = call;
  return {
    callId: call.id,
    principalKind: principal?.kind,
    groups: principal?.groups,
    proofs: principal?.proofs,
    peerAddress: incoming.peer.address,
    peerPort: incoming.peer.port,
    userAgent: incoming.head.userAgent === undefined ? undefined : printable(incoming.head.userAgent, 256),
  };
}

function callFields(call: RunningCall): Omit<AuditRecord, 'kind'> {
  const { incoming, principal, facts, method } = call;
  return {
    ...actedFrom(call),
    principal: principal?.id,
    method: method?.path ?? printable(incoming.head.path, 256),
    action: facts?.action ?? method?.action,
    risk: facts?.risk ?? method?.risk,
    resource: facts?.resource,
    requestDigest: call.requestDigest,
    request: facts?.summary,
  };
}

function legFields(leg: Leg): Omit<AuditRecord, 'kind'> {
  const { target, decision } = leg;
  return {
    leg: leg.index,
    approvalId: leg.grant?.id,
    cluster: target.cluster,
    node: target.node,
    asked: target.asked === target.node || target.asked === '' ? undefined : target.asked,
    rule: decision.rule === undefined ? undefined : `${decision.rule.file}:${decision.rule.line}`,
    policyRevision: decision.revision,
  };
}

function askedOf(call: RunningCall): string | undefined {
  const { head } = call.incoming;
  if (!head.ok) return undefined;
  const names = head.nodes.length > 0 ? head.nodes : head.node === undefined ? [] : [head.node];
  return names.length === 0 ? undefined : printable(names.join(' '), maxText);
}
