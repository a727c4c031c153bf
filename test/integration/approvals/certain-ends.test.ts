import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endOrphans } from '../../../src/approvals/orphans.ts';
import { type AuditLog, openAuditLog } from '../../../src/audit/log.ts';
import { systemClock, uuidv7 } from '../../../src/core/clock.ts';
import { GateError } from '../../../src/core/gate-error.ts';
import { createGrantEnds } from '../../../src/gateway/grant-ends.ts';
import { until } from '../../support/until.ts';
import { type Bench, elapse, grant, newApproval, openBench, storeOn } from './support.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

const openLog = (onUnforwarded?: (id: string) => void): Promise<AuditLog> =>
  openAuditLog({
    connection: { url: bench.database.writerUrl },
    replica: 'one',
    onUnforwarded: ({ approvalId }) => onUnforwarded?.(approvalId ?? ''),
  });

describe('a grant whose process is gone', () => {
  test.each([
    ['ended', true],
    ['claimed', false],
  ])('reads as %s when its call has an outcome: %j', async (state, finished) => {
    const { id, binding, requester } = await grant(bench.store);
    const log = await openLog();
    const callId = uuidv7(systemClock);
    await log.appendClaim([{ kind: 'call.intent', callId, approvalId: id }], { approvalId: id, binding, requester });
    await endOrphans(bench.writer, bench.store);
    expect((await bench.store.get(id))?.state).toBe('claimed');
    if (finished) await log.enqueue({ kind: 'call.outcome', callId, grpcCode: 0 });
    await log.close();
    await endOrphans(bench.writer, bench.store);
    // Without an outcome the reaper is to write the unknown first.
    expect((await bench.store.get(id))?.state).toBe(state);
  });
});

describe('a claim that lands after its caller gave up', () => {
  test('is told, so that the grant can be ended', async () => {
    const { id, binding, requester } = await grant(bench.store);
    const told: string[] = [];
    const log = await openLog(unforwarded => told.push(unforwarded));
    const callId = uuidv7(systemClock);
    const hold = await bench.admin.transaction(async tx => {
      await tx.query('SELECT 1 FROM talosgate.audit_head FOR UPDATE');
      const leaving = new AbortController();
      const appending = log.appendClaim(
        [{ kind: 'call.intent', callId, approvalId: id }],
        { approvalId: id, binding, requester },
        { signal: leaving.signal },
      );
      const refused = appending.catch((error: unknown) => GateError.from(error).code);
      // On its way into the database, where it waits for the row that this transaction holds.
      await until(async () => {
        const waiting = await bench.admin.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'`);
        return waiting.length > 0;
      });
      leaving.abort();
      return await refused;
    });
    expect(hold).toBe('cancelled');
    await until(() => told.length > 0);
    expect(told).toEqual([id]);
    expect((await bench.store.get(id))?.state).toBe('claimed');
    await log.close();
  });
});

describe('GrantEnds', () => {
  test('tries again until the end is on record, and drain waits for it', async () => {
    const { id, binding, requester } = await grant(bench.store);
    const log = await openLog();
    const callId = uuidv7(systemClock);
    await log.appendClaim([{ kind: 'call.intent', callId, approvalId: id }], { approvalId: id, binding, requester });
    let tries = 0;
    const reported: unknown[] = [];
    const ends = createGrantEnds({
      end: (...args) => {
        tries += 1;
        if (tries < 4) return Promise.reject(new GateError('audit-unavailable', 'away'));
        return bench.store.end(...args);
      },
      report: error => reported.push(error),
      retryMs: 5,
    });
    ends.add(id, 'server: OK', { callId });
    // Somebody else was faster: not an error.
    ends.add((await bench.store.request(newApproval())).id, 'server: OK', {});
    await ends.drain(20_000);
    expect((await bench.store.get(id))?.state).toBe('ended');
    // Once for each grant whose first try failed, however many follow: of one or of both.
    expect([1, 2]).toContain(reported.length);
    await log.close();
  });
});

describe('a lapse', () => {
  test('that its finder did not record is recorded by the next one, once', async () => {
    const { id } = await bench.store.request(newApproval());
    await elapse(bench.admin, id, '2 hours');
    const lapsed = (records: readonly { kind: string; approvalId?: string | undefined }[]): number =>
      records.filter(record => record.kind === 'approval.ended' && record.approvalId === id).length;
    // A replica that dies between the change and its record.
    await bench.writer.query('SELECT talosgate.approval_expire(100)');
    await bench.store.expire();
    expect(lapsed(bench.records)).toBe(0);
    await bench.admin.query(`UPDATE talosgate.approval_lapse SET taken_at = taken_at - interval '1 minute'`);
    const other = storeOn(bench.writer, bench.records);
    await Promise.all([bench.store.expire(), other.expire()]);
    expect(lapsed(bench.records)).toBe(1);
    expect(await bench.admin.query('SELECT 1 FROM talosgate.approval_lapse')).toEqual([]);
    await other.close();
  });
});
