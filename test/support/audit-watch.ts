import { createAuditReader } from '../../src/audit/query.ts';
import type { AuditEntry } from '../../src/core/audit-entry.ts';
import type { AuditKind, AuditRecord } from '../../src/core/audit-record.ts';
import { createPool } from '../../src/db/pool.ts';
import { until } from './until.ts';

/** The audit log from the moment the watch was opened, or last moved on. */
export interface AuditWatch {
  /** Entries so far, in log order. */
  entries(): Promise<readonly AuditEntry[]>;
  /** Records so far, in log order. */
  records(): Promise<readonly AuditRecord[]>;
  /**
   * Records once they are of these kinds, in any order; boots, policies, recordings, counts and ends of calls that began before are left
   * out. Fails with what is there instead, also when there is more.
   */
  kinds(...kinds: AuditKind[]): Promise<readonly AuditRecord[]>;
  /** Starts anew from here. */
  moveOn(): Promise<void>;
  close(): Promise<void>;
}

const beside: readonly string[] = [
  'boot.open',
  'boot.beat',
  'auth.login',
  'auth.withdrawn',
  'boot.close',
  'boot.lost',
  'policy.activated',
  'policy.refused',
  'fleet.changed',
  'overload.summary',
  'session.started',
  'session.chunk',
  'session.ended',
];

/** Reads through the reader's login, as the audit API does. `from` is the index behind which to begin, default: now. */
export async function openAuditWatch(readerUrl: string, from?: string): Promise<AuditWatch> {
  const pool = createPool({ url: readerUrl, max: 2 });
  const reader = createAuditReader(pool);
  let after = from ?? (await reader.last()) ?? '-1';
  const entries = (): Promise<readonly AuditEntry[]> => reader.list({}, { limit: 1000, after });
  const records = async (): Promise<AuditRecord[]> => (await entries()).map(entry => entry.record);
  return {
    entries,
    records,
    kinds: async (...kinds) => {
      const wanted = kinds.toSorted().join(' ');
      const relevant = async (): Promise<AuditRecord[]> => {
        const all = await records();
        const begun = new Set(all.flatMap(record => (record.kind === 'call.intent' ? [record.callId] : [])));
        return all.filter(
          ({ kind, callId }) => !beside.includes(kind) && (kind !== 'call.outcome' || begun.has(callId)),
        );
      };
      // Outcomes of reads are written without anybody waiting for them.
      await until(
        async () =>
          (await relevant())
            .map(record => record.kind)
            .toSorted()
            .join(' ') === wanted,
        async () => `wanted ${wanted}; have ${JSON.stringify(await relevant(), undefined, 1)}`,
      );
      return await relevant();
    },
    moveOn: async () => {
      after = (await reader.last()) ?? '-1';
    },
    close: () => pool.close(),
  };
}
