import { createHash, randomUUID } from 'node:crypto';
import { type BoundCall, bindCall } from '../../../src/approvals/binding.ts';
import { type ApprovalStore, createApprovalStore, type NewApproval } from '../../../src/approvals/store.ts';
import type { Approval } from '../../../src/core/approval.ts';
import type { AuditRecord } from '../../../src/core/audit-record.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { GateError } from '../../../src/core/gate-error.ts';
import type { DatabaseError } from '../../../src/db/database-error.ts';
import { createPool, type Pool } from '../../../src/db/pool.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

/** One database, the gateway's login and an administrator to look behind the scenes. */
export interface Bench {
  readonly database: TestDatabase;
  readonly writer: Pool;
  readonly admin: Pool;
  readonly store: ApprovalStore;
  /** Everything that was recorded, oldest first. */
  readonly records: AuditRecord[];
  close(): Promise<void>;
}

export async function openBench(
  settings: Partial<{ pending: number; claim_window: number; max_open: number }> = {},
): Promise<Bench> {
  const database = await createTestDatabase();
  const writer = createPool({ url: database.writerUrl, max: 10, maxWaiting: 2_000 });
  const admin = createPool({
    url: database.adminUrl,
    max: 20,
    maxWaiting: 2_000,
    connectTimeoutMs: 25_000,
  });
  const records: AuditRecord[] = [];
  const store = storeOn(writer, records, settings);
  return {
    database,
    writer,
    admin,
    store,
    records,
    close: async () => {
      await store.close();
      await writer.close();
      await admin.close();
      await database.drop();
    },
  };
}

/** A store as a second replica would have it: on the same database, with memory of its own. */
export function storeOn(
  writer: Pool,
  records: AuditRecord[] = [],
  settings: Partial<{ pending: number; claim_window: number; max_open: number }> = {},
): ApprovalStore {
  return createApprovalStore({
    database: writer,
    clock: systemClock,
    record: record => {
      records.push(record);
      return Promise.resolve();
    },
    settings: { pending: 3_600_000, claim_window: 1_800_000, max_open: 10, ...settings },
  });
}

export const debugCall: BoundCall = {
  requester: 'bob@example.com',
  cluster: 'prod',
  node: 'worker-1',
  method: '/machine.DebugService/ContainerRun',
  canonical: Buffer.from('a debug container'),
};

/** A request for the call, different from every other unless `canonical` says so. */
export function newApproval(over: Partial<BoundCall> = {}): NewApproval {
  const call = { ...debugCall, canonical: Buffer.from(randomUUID()), ...over };
  const { requester, cluster, node, method } = call;
  return {
    requester,
    cluster,
    node,
    method,
    action: 'debug.run',
    resource: 'debug/privileged',
    ...bindCall(call),
    summary: { 'spec.image_name': 'example.com/tools@sha256:00', 'spec.tty': true },
    reason: 'fix stuck kubelet, INC-4711',
  };
}

/** A grant: raised and approved by carol. */
export async function grant(store: ApprovalStore, over: Partial<BoundCall> = {}): Promise<Approval> {
  const raised = await store.request(newApproval(over));
  return await store.decide({ id: raised.id, by: 'carol@example.com', verdict: 'approve', reason: 'ok, 30 min' });
}

export interface Claim {
  readonly id: string;
  readonly binding: string;
  readonly requester: string;
}

/** Claims as `audit_append_claimed` does, without the log. Resolves with undefined, or with the database's refusal. */
export async function claim(admin: Pool, { id, binding, requester }: Claim): Promise<DatabaseError | undefined> {
  try {
    await admin.query('SELECT talosgate.approval_claim($1, $2, $3, $4::uuid, $5::uuid)', [
      id,
      binding,
      requester,
      randomUUID(),
      randomUUID(),
    ]);
    return undefined;
  } catch (thrown) {
    return thrown as DatabaseError;
  }
}

/** The GateError that some work was refused with; throws when it was not. */
export async function refusal(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  const thrown: unknown = await work.then(() => undefined).catch((error: unknown) => error);
  if (!(thrown instanceof GateError)) throw new Error('was not refused', { cause: thrown });
  return { code: thrown.code, message: thrown.message };
}

/** Lets time pass for one approval: moves its deadline, which nobody but a superuser with the guards off can. */
export async function elapse(admin: Pool, id: string, interval: string): Promise<void> {
  await admin.transaction(async tx => {
    await tx.query('SET LOCAL session_replication_role = replica');
    await tx.query('UPDATE talosgate.approval SET expires_at = expires_at - $2::interval WHERE id = $1', [
      id,
      interval,
    ]);
  });
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
