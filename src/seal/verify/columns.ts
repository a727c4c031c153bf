/** How a column follows from the body. `late` and `db_ts` follow from nothing in it; see docs/audit.md. */
type Rule = (body: Readonly<Record<string, unknown>>) => unknown;

const text =
  (member: string): Rule =>
  body =>
    body[member] ?? null;
const number =
  (member: string): Rule =>
  body => {
    const value = body[member];
    return value === undefined ? null : Number(value);
  };

/** Every column of the log that is a copy of a part of the body. A test compares the list with the database. */
export const columnRules: Readonly<Record<string, Rule>> = {
  kind: text('kind'),
  boot_id: text('bootId'),
  wseq: number('wseq'),
  call_id: text('callId'),
  leg: number('leg'),
  approval_id: text('approvalId'),
  gw_ts: body => postgresTime(String(body['time'])),
  mono_us: number('mono'),
  principal: text('principal'),
  principal_kind: text('principalKind'),
  groups: text('groups'),
  proofs: text('proofs'),
  peer_address: text('peerAddress'),
  peer_port: number('peerPort'),
  user_agent: text('userAgent'),
  method: text('method'),
  action: text('action'),
  risk: text('risk'),
  resource: text('resource'),
  cluster: text('cluster'),
  node: text('node'),
  asked: text('asked'),
  decision: text('decision'),
  reason: text('reason'),
  rule: text('rule'),
  policy_revision: text('policyRevision'),
  request_digest: text('requestDigest'),
  request: text('request'),
  talos_role: text('talosRole'),
  grpc_code: number('grpcCode'),
  grpc_message: text('grpcMessage'),
  end_cause: text('endCause'),
  request_bytes: number('requestBytes'),
  request_messages: number('requestMessages'),
  response_bytes: number('responseBytes'),
  response_messages: number('responseMessages'),
  duration_us: number('durationUs'),
  details: text('details'),
  schema_version: number('v'),
};

/** Columns that are verified in another way (`late`, by the order of records) or not at all (`db_ts`, advisory). */
export const otherColumns: ReadonlySet<string> = new Set(['idx', 'leaf', 'body', 'late', 'db_ts']);

const rules = Object.entries(columnRules);

/** The first column that is not the copy of the body that it should be; undefined when all are. Absent ones count as null. */
export function firstOddColumn(
  columns: Readonly<Record<string, unknown>>,
  body: Readonly<Record<string, unknown>>,
): string | undefined {
  for (const [column, rule] of rules) {
    if (!isSame(columns[column] ?? null, rule(body))) return column;
  }
  return undefined;
}

/** Equality of JSON values. */
function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const [left, right] = [Object.entries(one), other as Readonly<Record<string, unknown>>];
  return (
    left.length === Object.keys(right).length &&
    left.every(([key, value]) => Object.hasOwn(right, key) && isSame(value, right[key]))
  );
}

/** The time of a body as Postgres writes it in JSON, in UTC: without trailing zeros. */
function postgresTime(iso: string): string {
  if (iso.length !== 24 || !iso.endsWith('Z') || iso[19] !== '.') return iso;
  let end = 23;
  while (iso[end - 1] === '0') end--;
  return `${iso.slice(0, end === 20 ? 19 : end)}+00:00`;
}
