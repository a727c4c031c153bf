import { randomUUID } from 'node:crypto';
import type { AuditLog } from '../../../src/audit/log.ts';
import type { AuditRecord } from '../../../src/core/audit-record.ts';
import { GateError } from '../../../src/core/gate-error.ts';
import { createPool } from '../../../src/db/pool.ts';
import { insertStatement, insertValues } from './naive-table.ts';

/** Connections of the pool: what a node-postgres program has when nobody thought about it. */
const connections = 10;

/**
 * An audit log as one would write it at first: one INSERT for each record, each awaited, through a pool. Durable, like
 * the real one; without order, hash, idempotence or the bookkeeping of lost intents. For the benchmark only.
 */
export function createNaiveAudit(url: string): AuditLog {
  const pool = createPool({ url, max: connections, maxWaiting: 10_000 });
  let queued = 0;
  const insert = async (record: AuditRecord): Promise<void> => {
    queued++;
    try {
      await pool.query(insertStatement, insertValues(record));
    } catch (cause) {
      throw new GateError('audit-unavailable', 'the record cannot be written', { cause });
    } finally {
      queued--;
    }
  };
  return {
    bootId: randomUUID(),
    append: async records => {
      await Promise.all(records.map(insert));
    },
    appendClaim: () => Promise.reject(new GateError('internal', 'no approvals in the benchmark')),
    enqueue: insert,
    health: () => ({ ok: true, queued, lastError: undefined }),
    close: () => pool.close(),
  };
}
