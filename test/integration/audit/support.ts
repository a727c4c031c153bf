import { type AuditLog, type AuditLogSettings, openAuditLog } from '../../../src/audit/log.ts';
import type { AuditRecord } from '../../../src/core/audit-record.ts';
import { systemClock, uuidv7 } from '../../../src/core/clock.ts';
import { openSession, type Session } from '../../../src/db/connection.ts';
import type { SqlValue } from '../../../src/db/query.ts';

/** A log on a test database, with short pauses. */
export function openTestLog(url: string, settings: Partial<AuditLogSettings> = {}): Promise<AuditLog> {
  return openAuditLog({ connection: { url }, replica: 'test', breaker: { retryMs: 20, probeMs: 100 }, ...settings });
}

export function intent(callId: string = uuidv7(systemClock), more: Partial<AuditRecord> = {}): AuditRecord {
  return {
    kind: 'call.intent',
    callId,
    leg: 0,
    principal: 'alice@example.com',
    principalKind: 'person',
    method: '/machine.MachineService/Version',
    action: 'version.read',
    risk: 'read',
    cluster: 'demo',
    node: 'node-1',
    decision: 'allow',
    ...more,
  };
}

export function outcome(callId: string, more: Partial<AuditRecord> = {}): AuditRecord {
  return { kind: 'call.outcome', callId, leg: 0, grpcCode: 0, endCause: 'server', durationUs: 1_200, ...more };
}

/** Runs one statement on a connection of its own. */
export async function sql<Row extends object>(url: string, text: string, params: SqlValue[] = []): Promise<Row[]> {
  const session: Session = await openSession({ url, queryTimeoutMs: 30_000 });
  try {
    return await session.query<Row>(text, params);
  } finally {
    await session.close();
  }
}

export interface Soundness {
  readonly records: number;
  readonly size: number;
  readonly gaps: number;
  readonly counterGaps: number;
  readonly badLeaves: number;
  readonly open: number;
}

/** What must hold of every log at any time, counted by the database itself. */
export async function soundness(adminUrl: string): Promise<Soundness> {
  const [row] = await sql<Soundness>(
    adminUrl,
    `SELECT count(*) AS records, (SELECT size FROM talosgate.audit_head) AS size,
       coalesce(max(idx) + 1, 0) - count(*) AS gaps,
       (SELECT coalesce(sum(newest - n), 0)::bigint FROM (SELECT max(wseq) AS newest, count(DISTINCT wseq) AS n
         FROM talosgate.audit_entry GROUP BY boot_id) AS boots) AS "counterGaps",
       count(*) FILTER (WHERE leaf <> sha256('\\x00'::bytea || body)) AS "badLeaves",
       (SELECT count(*) FROM talosgate.audit_open) AS open
     FROM talosgate.audit_entry`,
  );
  if (row === undefined) throw new Error('no row');
  return row;
}

/** Waits until a condition holds, at most ten seconds. */
export async function eventually(condition: () => Promise<boolean> | boolean, limitMs = 10_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`did not come true within ${limitMs} ms: ${condition.toString()}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}
