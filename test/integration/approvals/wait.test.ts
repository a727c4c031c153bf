import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createApprovalStore } from '../../../src/approvals/store.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { createPool } from '../../../src/db/pool.ts';
import { openDatabaseWire } from '../../support/database-wire.ts';
import { type Bench, elapse, grant, newApproval, openBench, refusal, storeOn } from './support.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

let people = 0;
/** A requester whom no other test counts. */
let requester: string;
beforeEach(() => {
  people += 1;
  requester = `bob-${people}@example.com`;
  bench.records.length = 0;
});

describe('expire', () => {
  test('ends in the books what has lapsed, once between two replicas, and records it', async () => {
    const lapsed = await bench.store.request(newApproval({ requester }));
    const stays = await bench.store.request(newApproval({ requester }));
    await elapse(bench.admin, lapsed.id, '1 hour');
    const counts = await Promise.all([bench.store.expire(), storeOn(bench.writer, bench.records).expire()]);
    expect(counts[0] + counts[1]).toBeGreaterThanOrEqual(1);
    const ended = bench.records.filter(record => record.approvalId === lapsed.id && record.kind === 'approval.ended');
    expect(ended).toMatchObject([{ details: { state: 'expired' } }]);
    expect(await bench.store.get(lapsed.id)).toMatchObject({
      state: 'expired',
      endedAt: expect.any(Number) as unknown,
    });
    expect(await bench.store.get(stays.id)).toMatchObject({ state: 'pending' });
  });
});

describe('waitForChange', () => {
  const never = new AbortController().signal;

  test('tells within two seconds what another replica decided, though nothing was heard', async () => {
    const { id } = await bench.store.request(newApproval({ requester }));
    const other = storeOn(bench.writer);
    const waiting = bench.store.waitForChange(id, 'pending', never);
    await new Promise(resolve => setTimeout(resolve, 50));
    const before = Date.now();
    await other.decide({ id, by: 'carol@example.com', verdict: 'approve', reason: '' });
    expect(await waiting).toMatchObject({ state: 'approved' });
    expect(Date.now() - before).toBeLessThan(2_000);
  });

  test('tells at once what is so already, and when time runs out', async () => {
    const granted = await grant(bench.store, { requester });
    expect(await bench.store.waitForChange(granted.id, 'pending', never)).toMatchObject({ state: 'approved' });
    const { id } = await bench.store.request(newApproval({ requester }));
    const waiting = bench.store.waitForChange(id, 'pending', never);
    await elapse(bench.admin, id, '1 hour');
    expect(await waiting).toMatchObject({ state: 'expired' });
  });

  test('serves a hundred waiters with a query a tick', async () => {
    let queries = 0;
    const counting = createApprovalStore({
      database: {
        query: (statement, params, options) => {
          queries += 1;
          return bench.writer.query(statement, params, options);
        },
      },
      clock: systemClock,
      record: () => Promise.resolve(),
      settings: { pending: 60_000, claim_window: 60_000, max_open: 10 },
    });
    const { id } = await counting.request(newApproval({ requester }));
    const stop = new AbortController();
    const waiting = Array.from({ length: 100 }, () => counting.waitForChange(id, 'pending', stop.signal));
    const settled = Promise.allSettled(waiting);
    await new Promise(resolve => setTimeout(resolve, 300));
    queries = 0;
    await new Promise(resolve => setTimeout(resolve, 1_300));
    expect(queries).toBeGreaterThanOrEqual(1);
    expect(queries).toBeLessThanOrEqual(5);
    stop.abort(new Error('enough'));
    expect(
      new Set((await settled).map(end => (end.status === 'rejected' ? (end.reason as Error).message : ''))),
    ).toEqual(new Set(['enough']));
    queries = 0;
    await new Promise(resolve => setTimeout(resolve, 900));
    expect(queries).toBeLessThanOrEqual(1);
  });

  test('rejects when the database goes away, and when the store closes', async () => {
    const wire = await openDatabaseWire(bench.database.writerUrl);
    const pool = createPool({ url: wire.url });
    const store = storeOn(pool);
    const { id } = await store.request(newApproval({ requester }));
    const cut = refusal(store.waitForChange(id, 'pending', never));
    wire.cut();
    expect((await cut).code).toBe('audit-unavailable');
    wire.mend();
    const closed = refusal(store.waitForChange(id, 'pending', never));
    await store.close();
    expect((await closed).code).toBe('draining');
    expect((await refusal(store.waitForChange(id, 'pending', never))).code).toBe('draining');
    await pool.close();
    await wire.close();
  });
});
