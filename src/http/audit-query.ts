import { Type } from 'typebox';
import type { AuditFilter } from '../core/audit-entry.ts';
import { auditKinds, endCauses } from '../core/audit-record.ts';
import { GateError } from '../core/gate-error.ts';
import { grpcCodes } from '../core/grpc.ts';
import { risks } from '../core/method.ts';

/** Postgres takes no NUL in a text, so nothing in the log can have one. */
const text = (description: string) =>
  Type.Optional(Type.String({ maxLength: 512, pattern: '^[^\\u0000]*$', description }));

/** Query fields by which records are chosen. Everything given must hold. */
export const filterFields = {
  kind: text('Kinds of record, comma-separated: call.deny,call.intent …'),
  who: text('Principal; a trailing * matches a prefix.'),
  group: text('One of the caller’s groups; a trailing * matches a prefix.'),
  cluster: text('Cluster name; a trailing * matches a prefix.'),
  node: text('Node name; a trailing * matches a prefix.'),
  method: text('gRPC path; a trailing * matches a prefix.'),
  action: text('Action; a trailing * matches a prefix.'),
  risk: text(`${risks.join(', ')}.`),
  resource: text('Resource; a trailing * matches a prefix.'),
  decision: text('allow, approve or deny.'),
  reason: text('Reason of a refusal.'),
  rule: text('Rule that decided, as policies/policy.csv:12; a trailing * matches a prefix.'),
  outcome: text(
    `How the call ended: a gRPC code by name or number (OK, 7), what ended it (${endCauses.join(', ')}), or unknown for calls whose end nobody saw.`,
  ),
  peer: text('Address that the call came from, or a network: 192.0.2.0/24.'),
  call: text('Call id.'),
  session: text('Recorded session; it has the id of its call.'),
  approval: text('Approval id.'),
  since: text('RFC 3339 time, inclusive.'),
  until: text('RFC 3339 time, exclusive.'),
};

/** What those fields hold. */
export type FilterQuery = Partial<Record<keyof typeof filterFields, string>>;

/** Reads the query fields. Throws GateError `bad-request` that says what is wrong and what to write. */
export function toFilter(query: FilterQuery): AuditFilter {
  if (query.call !== undefined && query.session !== undefined && query.call !== query.session) {
    throw new GateError('bad-request', 'call and session name different calls; a session has the id of its call');
  }
  return {
    kinds: kindsOf(query.kind),
    principal: query.who,
    group: query.group,
    cluster: query.cluster,
    node: query.node,
    method: query.method,
    action: query.action,
    risk: oneOf('risk', risks, query.risk),
    resource: query.resource,
    decision: oneOf('decision', ['allow', 'approve', 'deny'], query.decision),
    reason: query.reason,
    rule: query.rule,
    ...outcomeOf(query),
    peer: query.peer,
    callId: query.call ?? query.session,
    approvalId: query.approval,
    since: timeOf('since', query.since),
    until: timeOf('until', query.until),
  };
}

function kindsOf(value: string | undefined): readonly string[] | undefined {
  const kinds = value?.split(',').map(kind => kind.trim());
  const unknown = kinds?.find(kind => !(auditKinds as readonly string[]).includes(kind));
  if (unknown === undefined) return kinds;
  throw new GateError('bad-request', `kind: there is no ${quoted(unknown)}; known are ${auditKinds.join(', ')}`);
}

function oneOf(name: string, known: readonly string[], value: string | undefined): string | undefined {
  if (value === undefined || known.includes(value)) return value;
  throw new GateError('bad-request', `${name}: there is no ${quoted(value)}; known are ${known.join(', ')}`);
}

/** `unknown` in small letters is the end that nobody saw; UNKNOWN or 2 is the gRPC code. */
function outcomeOf({ outcome, kind }: FilterQuery): Pick<AuditFilter, 'kinds' | 'grpcCode' | 'endCause'> {
  if (outcome === undefined) return {};
  if (outcome === 'unknown') {
    const kinds = kindsOf(kind);
    return { kinds: kinds === undefined || kinds.includes('call.unknown') ? ['call.unknown'] : [] };
  }
  if ((endCauses as readonly string[]).includes(outcome)) return { endCause: outcome };
  const known = Object.entries(grpcCodes).find(
    ([name, code]) => name === outcome.toUpperCase() || String(code) === outcome,
  );
  if (known !== undefined) return { grpcCode: known[1] };
  throw new GateError(
    'bad-request',
    `outcome: there is no ${quoted(outcome)}; give a gRPC code such as OK or 7, one of ${endCauses.join(', ')}, or unknown`,
  );
}

const latest = Date.UTC(9999, 11, 31);

/** Milliseconds since the epoch. Throws GateError `bad-request` for what is no time. */
export function timeOf(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const time = Date.parse(value);
  // Postgres' calendar ends where JavaScript's goes on.
  if (!Number.isNaN(time) && time >= 0 && time <= latest) return time;
  throw new GateError('bad-request', `${name}: ${quoted(value)} is no time; write 2026-01-31T12:00:00Z`);
}

function quoted(value: string): string {
  return JSON.stringify(value.slice(0, 64));
}
