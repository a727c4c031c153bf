import { createAuditReader } from '../../../src/audit/query.ts';
import type { AuditRecord } from '../../../src/core/audit-record.ts';
import { createPool } from '../../../src/db/pool.ts';
import type { AuditWatch } from '../../support/audit-watch.ts';
import { until } from '../../support/until.ts';

/** The records of calls since the watch moved on, once they are these; fails with both lists when they stay others. */
export async function expectRecords(watch: AuditWatch, wanted: readonly string[]): Promise<void> {
  const want = wanted.toSorted().join('\n');
  let have = '';
  await until(
    async () => {
      have = (await watch.records()).filter(isOfCall).map(lineOf).toSorted().join('\n');
      return have === want;
    },
    () => `wanted these records:\n${want}\nhave these:\n${have}`,
  );
}

export const line = {
  intent: (path: string, node: string): string => `call.intent ${path} ${node}`,
  outcome: (path: string, node: string, code: number, cause: string): string =>
    `call.outcome ${path} ${node} ${code} ${cause}`,
  deny: (path: string, node: string | undefined, code: number, reason: string): string =>
    `call.deny ${path} ${node ?? '-'} ${code} ${reason}`,
};

function lineOf(record: AuditRecord): string {
  const { kind, method = '-', node = '-', grpcCode = -1, endCause = '-', reason = '-' } = record;
  if (kind === 'call.intent') return line.intent(method, node);
  if (kind === 'call.outcome') return line.outcome(method, node, grpcCode, endCause);
  return line.deny(method, node, grpcCode, reason);
}

function isOfCall({ kind }: AuditRecord): boolean {
  return kind === 'call.intent' || kind === 'call.outcome' || kind === 'call.deny';
}

/** Calls of the whole log with an intent and no outcome for the same leg. */
export async function openIntents(readerUrl: string): Promise<string[]> {
  const pool = createPool({ url: readerUrl, max: 1 });
  try {
    const reader = createAuditReader(pool);
    const open = new Map<string, string>();
    let after = '-1';
    for (;;) {
      const page = await reader.list({ kinds: ['call.intent', 'call.outcome'] }, { limit: 500, after });
      for (const { record } of page) {
        const leg = `${record.callId ?? ''} ${record.leg ?? ''}`;
        if (record.kind === 'call.intent') open.set(leg, lineOf(record));
        else open.delete(leg);
      }
      const last = page.at(-1);
      if (last === undefined) return [...open.values()];
      after = last.index;
    }
  } finally {
    await pool.close();
  }
}
