import { randomUUID } from 'node:crypto';
import type { AuditLog } from '../../../src/audit/log.ts';

/** Keeps nothing: what is left of the gateway's cost is identity and policy. For the benchmark only. */
export function createMemoryAudit(): AuditLog {
  return {
    bootId: randomUUID(),
    append: () => Promise.resolve(),
    appendClaim: () => Promise.resolve(),
    enqueue: () => Promise.resolve(),
    health: () => ({ ok: true, queued: 0, lastError: undefined }),
    close: () => Promise.resolve(),
  };
}
