import {
  type Approval,
  type ApprovalState,
  type ApprovalVote,
  approvalStates,
  type VoteSignature,
} from '../core/approval.ts';
import { GateError } from '../core/gate-error.ts';
import { type Notice, noticeKinds } from '../core/notice.ts';
import type { Review } from '../core/review.ts';

/**
 * Reads an approval as `talosgate.approval_json` wrote it. Throws GateError `internal` when it is not one: the database
 * and this code are then of different versions.
 */
export function parseApproval(json: unknown): Approval {
  const row = object(json);
  const quorum = object(row['quorum']);
  return {
    id: text(row['id']),
    state: oneOf(approvalStates, row['state']),
    requester: text(row['requester']),
    cluster: text(row['cluster']),
    node: text(row['node']),
    method: text(row['method']),
    action: text(row['action']),
    resource: text(row['resource']),
    binding: text(row['binding']),
    summary: object(row['summary']),
    reason: text(row['reason']),
    quorum: {
      approvals: list(quorum['approvals'])
        .map(object)
        .map(need => ({
          group: need['group'] === null ? undefined : text(need['group']),
          count: number(need['count']),
        })),
      denials: number(quorum['denials']),
    },
    decisionReason: row['decisionReason'] === true,
    signedDecisions: row['signedDecisions'] === true,
    createdAt: number(row['createdAt']),
    notBefore: row['notBefore'] === null ? undefined : number(row['notBefore']),
    expiresAt: number(row['expiresAt']),
    claimWindowMs: number(row['claimWindowMs']),
    sessionMs: row['sessionMs'] === null ? undefined : number(row['sessionMs']),
    votes: list(row['votes']).map(parseVote),
    claimedBy: row['claimedBy'] === null ? undefined : text(row['claimedBy']),
    endedAt: row['endedAt'] === null ? undefined : number(row['endedAt']),
    endReason: text(row['endReason']),
    endedBy: text(row['endedBy']),
    emergency: row['emergency'] === true,
  };
}

/** Reads an event as `talosgate.approval_events` wrote it; throws as `parseApproval` does. */
export function parseNotice(json: unknown): Notice {
  const row = object(json);
  return {
    position: text(row['position']),
    id: text(row['id']),
    kind: oneOf(noticeKinds, row['kind']),
    at: number(row['at']),
    details: object(row['details']),
    approval: parseApproval(row['approval']),
  };
}

/** Reads a review as `talosgate.approval_review_json` wrote it; throws as `parseApproval` does. */
export function parseReview(json: unknown): Review {
  const row = object(json);
  return {
    approval: parseApproval(row['approval']),
    openedBy: text(row['openedBy']),
    openedAt: number(row['openedAt']),
    closedBy: row['closedBy'] === null ? undefined : text(row['closedBy']),
    closedAt: row['closedAt'] === null ? undefined : number(row['closedAt']),
    finding: row['finding'] === null ? undefined : text(row['finding']),
  };
}

/** Reads a state; throws as `parseApproval` does. */
export function parseState(value: unknown): ApprovalState {
  return oneOf(approvalStates, value);
}

function parseVote(json: unknown): ApprovalVote {
  const row = object(json);
  return {
    by: text(row['by']),
    groups: list(row['groups']).map(text),
    verdict: oneOf(['approve', 'deny'] as const, row['verdict']),
    reason: text(row['reason']),
    at: number(row['at']),
    ...(row['signature'] === null ? {} : { signature: parseSignature(row['signature']) }),
  };
}

function parseSignature(json: unknown): VoteSignature {
  const row = object(json);
  return { value: text(row['value']), publicKey: text(row['publicKey']), fingerprint: text(row['fingerprint']) };
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) mismatch();
  return value as Readonly<Record<string, unknown>>;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : mismatch();
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : mismatch();
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : mismatch();
}

function oneOf<const T extends string>(values: readonly T[], value: unknown): T {
  return values.find(known => known === value) ?? mismatch();
}

function mismatch(): never {
  throw new GateError('internal', 'internal error in talosgate, see its log', {
    cause: new TypeError('the database answered with an approval of an unknown shape'),
  });
}
