import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hearChanges } from '../../../src/approvals/hear.ts';
import type { NoticeSource } from '../../../src/core/notice.ts';
import { until } from '../../support/until.ts';
import { type Bench, claim, grant, newApproval, openBench } from './support.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench({ max_open: 100 });
});
afterAll(() => bench.close());

test('every change is heard, but not the claim, which must not hold up the audit log', async () => {
  let heard = 0;
  const listening = hearChanges({ url: bench.database.writerUrl }, () => {
    heard += 1;
  });
  try {
    await until(() => heard === 1);
    const approval = await grant(bench.store);
    await until(() => heard === 3);
    expect(await claim(bench.admin, approval)).toBeUndefined();
    await bench.store.revoke(approval.id, 'carol', 'enough');
    await until(() => heard >= 4);
    expect(heard).toBe(4);
  } finally {
    await listening.close();
  }
});

test('listening goes on after the connection was cut, with a call for what may have been missed', async () => {
  let heard = 0;
  const listening = hearChanges({ url: bench.database.writerUrl }, () => {
    heard += 1;
  });
  try {
    await until(() => heard === 1);
    await bench.admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'talosgate approvals'",
    );
    await until(() => heard === 2);
    await bench.store.request(newApproval());
    await until(() => heard === 3);
  } finally {
    await listening.close();
  }
});

test('every step leaves one notice in its transaction, in order, and none is overtaken by an older transaction', async () => {
  const noticesAfter: NoticeSource['noticesAfter'] = (position, limit) => bench.store.noticesAfter(position, limit);
  const all = await noticesAfter('', 500);
  const start = all.at(-1)?.position ?? '';
  const approval = await grant(bench.store);
  expect(await claim(bench.admin, approval)).toBeUndefined();
  await bench.store.revoke(approval.id, 'carol', 'enough');
  const denied = await bench.store.request(newApproval({ requester: randomUUID() }));
  await bench.store.decide({ id: denied.id, by: 'carol', verdict: 'deny', reason: 'no' });
  const seen = await noticesAfter(start, 500);
  expect(seen.map(({ kind, approval: { id } }) => [kind, id === approval.id])).toEqual([
    ...['requested', 'voted', 'approved', 'claimed', 'revoked'].map(kind => [kind, true]),
    ...['requested', 'voted', 'denied'].map(kind => [kind, false]),
  ]);
  expect(seen.at(-4)?.details).toEqual({ by: 'carol', why: 'enough' });
  expect(await noticesAfter(seen[3]?.position ?? '', 2)).toEqual(seen.slice(4, 6));
  expect(await noticesAfter(seen.at(-1)?.position ?? '', 10)).toEqual([]);

  // While an older transaction is open, what a newer one wrote waits: the older may still write.
  const position = seen.at(-1)?.position ?? '';
  await bench.admin.transaction(async tx => {
    await tx.query('SELECT pg_current_xact_id()');
    await bench.store.request(newApproval());
    expect(await noticesAfter(position, 10)).toEqual([]);
  });
  expect((await noticesAfter(position, 10)).map(({ kind }) => kind)).toEqual(['requested']);
});

test('what does not commit leaves no notice, and a notice cannot be changed', async () => {
  const position = (await bench.store.noticesAfter('', 500)).at(-1)?.position ?? '';
  const { id } = await bench.store.request(newApproval());
  const undone = bench.admin.transaction(async tx => {
    await tx.query("SELECT talosgate.approval_vote($1, 'carol', '{}', 'approve', '')", [id]);
    throw new Error('undone');
  });
  await expect(undone).rejects.toThrow('undone');
  expect((await bench.store.noticesAfter(position, 10)).map(({ kind }) => kind)).toEqual(['requested']);
  await expect(bench.admin.query('DELETE FROM talosgate.approval_event')).rejects.toThrow('not possible');
  await expect(bench.admin.query("UPDATE talosgate.approval_event SET kind = 'lost'")).rejects.toThrow('not possible');
});
