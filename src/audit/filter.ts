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
  endCause: 'end_cause',
  peerAddress: 'peer_address',
  callId: 'call_id',
  approvalId: 'approval_id',
} as const satisfies Partial<Record<keyof AuditFilter, string>>;

/** Turns a filter into SQL over the view `audit_log`. Values never become part of the text. */
export function whereOf(filter: AuditFilter): Where {
  const conditions: string[] = [];
  const values: SqlValue[] = [];
  const add = (condition: string, value: SqlValue): void => {
    values.push(value);
    conditions.push(condition.replace('?', `$${values.length}`));
  };
  for (const [name, column] of Object.entries(textColumns)) {
    const value = filter[name as keyof typeof textColumns];
    if (value === undefined) continue;
    if (value.endsWith('*')) add(`starts_with(${column}, ?)`, value.slice(0, -1));
    else add(`${column} = ?`, value);
  }
  if (filter.kinds !== undefined) add('kind = ANY (?)', filter.kinds);
  if (filter.grpcCode !== undefined) add('grpc_code = ?', filter.grpcCode);
  if (filter.since !== undefined) add('gw_ts >= ?', new Date(filter.since));
  if (filter.until !== undefined) add('gw_ts < ?', new Date(filter.until));
  return { text: conditions.length === 0 ? 'true' : conditions.join(' AND '), values };
}
