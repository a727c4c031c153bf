import type { AuditLine } from '../../core/audit-line.ts';
import { type Fields, readFields } from './fields.ts';

/**
 * Columns in their order: name in the file, member of the body. A column is never renamed, moved or removed; new ones go
 * before `more`, which holds as JSON whatever has no column of its own.
 */
const bodyColumns = [
  ['time', 'time'],
  ['kind', 'kind'],
  ['principal', 'principal'],
  ['principal_kind', 'principalKind'],
  ['groups', 'groups'],
  ['peer_address', 'peerAddress'],
  ['peer_port', 'peerPort'],
  ['user_agent', 'userAgent'],
  ['method', 'method'],
  ['action', 'action'],
  ['risk', 'risk'],
  ['resource', 'resource'],
  ['cluster', 'cluster'],
  ['node', 'node'],
  ['asked', 'asked'],
  ['decision', 'decision'],
  ['reason', 'reason'],
  ['rule', 'rule'],
  ['policy_revision', 'policyRevision'],
  ['approval', 'approvalId'],
  ['call', 'callId'],
  ['leg', 'leg'],
  ['session', 'sessionId'],
  ['grpc_code', 'grpcCode'],
  ['grpc_message', 'grpcMessage'],
  ['end_cause', 'endCause'],
  ['request_bytes', 'requestBytes'],
  ['request_messages', 'requestMessages'],
  ['response_bytes', 'responseBytes'],
  ['response_messages', 'responseMessages'],
  ['duration_us', 'durationUs'],
  ['request_digest', 'requestDigest'],
  ['request', 'request'],
  ['details', 'details'],
  ['proofs', 'proofs'],
  ['boot', 'bootId'],
  ['boot_sequence', 'wseq'],
] as const;
const known = new Set<string>(bodyColumns.map(([, member]) => member));

/** First line of a CSV file, without its line break. */
export const csvHeader = ['idx', 'leaf', 'late', 'logged', ...bodyColumns.map(([name]) => name), 'more'].join(',');

/** Ends every line of a CSV file, the header's too (RFC 4180 section 2). */
export const csvBreak = '\r\n';

/**
 * One record as one line of CSV by RFC 4180, without its line break. Every cell with text is quoted. What a spreadsheet
 * would run as a formula gets an apostrophe in front; so a CSV file is for people, and JSON Lines for programs.
 */
export function toCsvLine({ index, leaf, late, loggedAt, body }: AuditLine): string {
  const fields = readFields(body);
  const rest = Object.entries(fields).filter(([name]) => !known.has(name));
  const cells = [
    String(index),
    leaf,
    String(late),
    new Date(loggedAt).toISOString(),
    ...bodyColumns.map(([, member]) => cell(fields, member)),
    rest.length === 0 ? '' : quote(JSON.stringify(Object.fromEntries(rest))),
  ];
  return cells.join(',');
}

function cell(fields: Fields, member: string): string {
  const value = fields[member];
  if (value === undefined) return '';
  return quote(typeof value === 'string' ? value : JSON.stringify(value));
}

// The signs that start a formula in one spreadsheet or another, their full-width forms too, also after blanks; and what
// some strip from the front of a cell before they look. A hyphen alone is what records say where there is no node.
const formula = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/u;

function quote(text: string): string {
  const harmless = text !== '-' && formula.test(text) ? `'${text}` : text;
  return `"${harmless.replaceAll('"', '""')}"`;
}
