import type { AuditFilter } from '../core/audit-entry.ts';
import { GateError } from '../core/gate-error.ts';
import { networkKeys } from './network.ts';

/** Records of one segment of the search lists; migration 21 has the same number. */
export const segmentWidth = 16_384;

/** Values of one field of the search lists, any of which will do: these, or all from the first text to the last. */
export type Clause =
  | { readonly field: string; readonly values: readonly string[] }
  | { readonly field: string; readonly from: string; readonly to: string };

/** Members of a filter that compare one text, and the field of the lists that has it. */
const textFields = {
  principal: 'who',
  group: 'group',
  cluster: 'cluster',
  node: 'node',
  method: 'method',
  action: 'action',
  risk: 'risk',
  resource: 'resource',
  decision: 'decision',
  reason: 'reason',
  rule: 'rule',
  endCause: 'end',
} as const satisfies Partial<Record<keyof AuditFilter, string>>;

/** What of a filter the search lists can answer; a record has to satisfy every clause. Time, call and approval are no part. */
export function clausesOf(filter: AuditFilter): Clause[] {
  const clauses: Clause[] = [];
  for (const [name, field] of Object.entries(textFields)) {
    const value = filter[name as keyof typeof textFields];
    if (value === undefined || value === '*') continue;
    if (value.endsWith('*')) clauses.push(prefix(field, listed(value.slice(0, -1))));
    else clauses.push({ field, values: [listed(value)] });
  }
  if (filter.kinds !== undefined) clauses.push({ field: 'kind', values: filter.kinds });
  if (filter.grpcCode !== undefined) clauses.push({ field: 'code', values: [String(filter.grpcCode)] });
  if (filter.digests !== undefined) clauses.push({ field: 'digest', values: filter.digests });
  if (filter.peer !== undefined) clauses.push({ field: 'peer', ...peerKeys(filter.peer) });
  return clauses;
}

/** Lowest and highest address of a peer filter, as the lists spell them. Throws GateError `bad-request` for what is no network. */
function peerKeys(peer: string): { from: string; to: string } {
  const keys = networkKeys(peer);
  if (keys !== undefined) return keys;
  const shown = JSON.stringify(peer.slice(0, 64));
  throw new GateError(
    'bad-request',
    `peer: ${shown} is no address or network; write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/56`,
  );
}

/** The lists hold the first 512 characters of a value. */
function listed(value: string): string {
  return value.length <= 512 ? value : Array.from(value).slice(0, 512).join('');
}

/** The lists sort by bytes of UTF-8, in which nothing stands behind the last code point. */
function prefix(field: string, start: string): Clause {
  return { field, from: start, to: `${start}\u{10ffff}` };
}
