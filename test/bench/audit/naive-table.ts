import type { AuditRecord } from '../../../src/core/audit-record.ts';
import type { SqlValue } from '../../../src/db/query.ts';

/** Column of the log, and where its value comes from. The same columns as the real table has for a record. */
const columns: readonly (readonly [column: string, value: (record: AuditRecord) => SqlValue])[] = [
  ['kind', record => record.kind],
  ['call_id', record => record.callId],
  ['leg', record => record.leg],
  ['approval_id', record => record.approvalId],
  ['principal', record => record.principal],
  ['principal_kind', record => record.principalKind],
  ['groups', record => json(record.groups)],
  ['proofs', record => json(record.proofs)],
  ['peer_address', record => record.peerAddress],
  ['peer_port', record => record.peerPort],
  ['user_agent', record => record.userAgent],
  ['method', record => record.method],
  ['action', record => record.action],
  ['risk', record => record.risk],
  ['resource', record => record.resource],
  ['cluster', record => record.cluster],
  ['node', record => record.node],
  ['asked', record => record.asked],
  ['decision', record => record.decision],
  ['reason', record => record.reason],
  ['rule', record => record.rule],
  ['policy_revision', record => record.policyRevision],
  ['request_digest', record => record.requestDigest],
  ['request', record => json(record.request)],
  ['talos_role', record => record.talosRole],
  ['grpc_code', record => record.grpcCode],
  ['grpc_message', record => record.grpcMessage],
  ['end_cause', record => record.endCause],
  ['request_bytes', record => record.requestBytes],
  ['request_messages', record => record.requestMessages],
  ['response_bytes', record => record.responseBytes],
  ['response_messages', record => record.responseMessages],
  ['duration_us', record => record.durationUs],
  ['details', record => json(record.details)],
];

/** A table of the benchmark's own with the searchable columns and indexes of the real log; no hash, no exact bytes. */
export const createTable = `
  CREATE TABLE bench_naive_audit (LIKE talosgate.audit_entry INCLUDING INDEXES);
  CREATE SEQUENCE bench_naive_idx;
  ALTER TABLE bench_naive_audit
    DROP COLUMN boot_id, DROP COLUMN wseq, DROP COLUMN mono_us, DROP COLUMN db_ts, DROP COLUMN schema_version,
    DROP COLUMN late, DROP COLUMN leaf, DROP COLUMN body,
    ALTER COLUMN idx SET DEFAULT nextval('bench_naive_idx'),
    ALTER COLUMN gw_ts SET DEFAULT clock_timestamp()`;

/** Prepared once for each connection. */
export const insertStatement = {
  name: 'bench.naive',
  text:
    `INSERT INTO bench_naive_audit (${columns.map(([column]) => column).join(', ')}) ` +
    `VALUES (${columns.map((_, i) => `$${i + 1}`).join(', ')})`,
};

export function insertValues(record: AuditRecord): SqlValue[] {
  return columns.map(([, value]) => value(record));
}

function json(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
