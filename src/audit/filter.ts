import type { AuditFilter } from '../core/audit-entry.ts';
import type { SqlValue } from '../db/query.ts';

/** Conditions joined by AND, and the values for their `$n`. */
export interface Where {
  readonly text: string;
  readonly values: SqlValue[];
}

/** Members of a filter that compare one text column, and which. */
const textColumns = {
  principal: 'principal',
  cluster: 'cluster',
  node: 'node',
  method: 'method',
  action: 'action',
  risk: 'risk',
  resource: 'resource',
  decision: 'decision',
  reason: 'reason',
  rule: 'rule',
  endCause: 'end_cause',
} as const satisfies Partial<Record<keyof AuditFilter, string>>;

/** Turns a filter into SQL over the view `audit_log`. Values never become part of the text. */
export function whereOf(filter: AuditFilter): Where {
  const conditions: string[] = [];
  const values: SqlValue[] = [];
  const add = (value: SqlValue, condition: (at: string) => string): void => {
    values.push(value);
    conditions.push(condition(`$${values.length}`));
  };
  for (const [name, column] of Object.entries(textColumns)) {
    const value = filter[name as keyof typeof textColumns];
    if (value === undefined) continue;
    if (value.endsWith('*')) add(value.slice(0, -1), at => `starts_with(${column}, ${at})`);
    else add(value, at => `${column} = ${at}`);
  }
  const { group } = filter;
  if (group?.endsWith('*') === true) {
    add(
      group.slice(0, -1),
      at => `EXISTS (SELECT FROM jsonb_array_elements_text(groups) AS one WHERE starts_with(one, ${at}))`,
    );
  } else if (group !== undefined) add(group, at => `groups @> to_jsonb(ARRAY[${at}::text])`);
  if (filter.kinds !== undefined) add(filter.kinds, at => `kind = ANY (${at})`);
  if (filter.exceptKinds !== undefined) add(filter.exceptKinds, at => `kind <> ALL (${at})`);
  if (filter.callId !== undefined) add(filter.callId, at => `call_id = ${at}`);
  if (filter.approvalId !== undefined) add(filter.approvalId, at => `approval_id = ${at}`);
  if (filter.grpcCode !== undefined) add(filter.grpcCode, at => `grpc_code = ${at}`);
  if (filter.peer !== undefined) add(plainNetwork(filter.peer), peerInside);
  if (filter.digests !== undefined) add(filter.digests, digested);
  if (filter.since !== undefined) add(new Date(filter.since), at => `gw_ts >= ${at}`);
  if (filter.until !== undefined) add(new Date(filter.until), at => `gw_ts < ${at}`);
  return { text: conditions.length === 0 ? 'true' : conditions.join(' AND '), values };
}

const plainPeer = `split_part(regexp_replace(peer_address, '^::ffff:(?=\\d+\\.)', '', 'i'), '%', 1)`;
const peerInside = (at: string): string =>
  `CASE WHEN pg_input_is_valid(${plainPeer}, 'inet') THEN ${plainPeer}::inet <<= ${at}::inet END`;

/** An IPv4 network written as IPv6 is compared as IPv4. */
function plainNetwork(peer: string): string {
  const [address = '', length] = peer
    .trim()
    .replace(/%[^/]*/, '')
    .split('/');
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (length === undefined) return plain;
  return `${plain}/${plain === address ? length : Number(length) - 96}`;
}

// The text is looked at first: few records have a digest, and looking closely costs more than the rest of the row.
const digested = (at: string): string =>
  `CASE WHEN request::text LIKE '%"digest"%' OR details::text LIKE '%"digest"%' ` +
  `THEN talosgate.audit_digests(request, details) && ${at}::text[] END`;
