import type { FastifyRequest } from 'fastify';
import type { AuditEntry, AuditReader } from '../core/audit-entry.ts';
import type { AuditRecord } from '../core/audit-record.ts';
import { GateError } from '../core/gate-error.ts';
import { principalOf, whereFrom } from './access.ts';
import type { HttpDependencies } from './dependencies.ts';
import type { AuditEntryBody } from './schemas.ts';

/** Access of every route that reads the audit log. */
export const auditReadAccess = {
  kind: 'action',
  action: 'audit.read',
  risk: 'read',
  subject: () => ({ resource: 'audit' }),
} as const;

/** The log's reader. Throws GateError `bad-config` where the configuration names no login for it. */
export function readerOf(dependencies: HttpDependencies): AuditReader {
  if (dependencies.auditReader !== undefined) return dependencies.auditReader;
  throw new GateError('bad-config', 'reading the audit log needs database.reader_url in the configuration');
}

/** Records that somebody reads the log, and what. Resolves when that is durable; nothing is read before. */
export async function recordRead(
  dependencies: HttpDependencies,
  request: FastifyRequest,
  details: AuditRecord['details'] = {},
): Promise<void> {
  const { id, kind, groups, proofs } = principalOf(request);
  await dependencies.record({
    ...whereFrom(request),
    kind: 'audit.read',
    principal: id,
    principalKind: kind,
    groups,
    proofs,
    action: 'audit.read',
    decision: 'allow',
    policyRevision: dependencies.policyRevision(),
    details: { query: request.url.slice(0, 1024), ...details },
  });
}

/** An entry as the API shows it. */
export function toBody(entry: AuditEntry): AuditEntryBody {
  return {
    index: entry.index,
    time: new Date(entry.time).toISOString(),
    boot: entry.bootId,
    sequence: entry.writerSequence,
    leaf: entry.leaf,
    record: { ...entry.record },
  };
}
