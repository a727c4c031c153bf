import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bench, claim, elapse, grant, newApproval, openBench } from './support.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench({ max_open: 100 });
});
afterAll(() => bench.close());

const bob = 'bob@example.com';
const carol = 'carol@example.com';
const insertVote = `INSERT INTO talosgate.approval_vote (approval_id, requester, voter, groups, verdict, reason, voted_at)
  VALUES ($1, $2, $3, '{}', 'approve', '', now())`;

// Everything here is tried as the administrator: not even the tables' owner can break these rules by mistake.
describe('the tables refuse', () => {
  test("a vote by the requester, in whatever letters and whatever the vote's row says of the requester", async () => {
    const { id } = await bench.store.request(newApproval());
    for (const voter of [bob, 'BOB@example.com']) {
      await expect(bench.admin.query(insertVote, [id, bob, voter])).rejects.toThrow('approval_vote_not_by_requester');
    }
    await expect(bench.admin.query(insertVote, [id, 'mallory', bob])).rejects.toThrow('foreign key');
  });

  test('a vote by the requester through a machine, and by the person on what their machine asks for', async () => {
    const machine = 'machine:bob@example.com';
    const { id } = await bench.store.request(newApproval());
    for (const voter of [machine, 'Machine:BOB@example.com', 'machine:machine:bob@example.com']) {
      await expect(bench.admin.query(insertVote, [id, bob, voter])).rejects.toThrow('approval_vote_not_by_requester');
    }
    const other = await bench.store.request(newApproval({ requester: machine }));
    await expect(bench.admin.query(insertVote, [other.id, machine, bob])).rejects.toThrow(
      'approval_vote_not_by_requester',
    );
    const vote = async (on: string, by: string): Promise<unknown> => {
      const text = `SELECT talosgate.approval_vote($1, $2, '{}', 'approve', '') ->> 'outcome' AS outcome`;
      return (await bench.admin.query<{ outcome: string }>(text, [on, by]))[0]?.outcome;
    };
    expect(await vote(id, machine)).toBe('own-request');
    expect(await vote(other.id, bob)).toBe('own-request');
    await bench.admin.query(insertVote, [other.id, machine, 'machine:carol@example.com']);
    expect(await vote(other.id, carol)).toBe('voted-already');
    await expect(bench.admin.query(insertVote, [other.id, machine, carol])).rejects.toThrow('approval_vote_once');
  });

  test('a second vote of one person', async () => {
    const { id } = await bench.store.request({
      ...newApproval(),
      terms: { quorum: { approvals: [{ group: undefined, count: 2 }], denials: 1 } },
    });
    await bench.admin.query(insertVote, [id, bob, carol]);
    await expect(bench.admin.query(insertVote, [id, bob, 'CAROL@example.com'])).rejects.toThrow('approval_vote_once');
  });

  test('a vote once the request has come to an end or has lapsed', async () => {
    const approved = await grant(bench.store);
    const cancelled = await bench.store.request(newApproval());
    await bench.store.cancel(cancelled.id, bob, 'left');
    const lapsed = await bench.store.request(newApproval());
    await elapse(bench.admin, lapsed.id, '1 hour');
    for (const { id } of [approved, cancelled, lapsed]) {
      await expect(bench.admin.query(insertVote, [id, bob, 'dave'])).rejects.toThrow('is not pending');
    }
  });

  test('a use without a grant, and a second use', async () => {
    const pending = await bench.store.request(newApproval());
    const use =
      'INSERT INTO talosgate.approval_use (approval_id, boot_id, call_id, used_at) VALUES ($1, $2, $3, now())';
    await expect(bench.admin.query(use, [pending.id, randomUUID(), randomUUID()])).rejects.toThrow('is not approved');
    const approval = await grant(bench.store);
    await bench.admin.query(use, [approval.id, randomUUID(), randomUUID()]);
    await expect(bench.admin.query(use, [approval.id, randomUUID(), randomUUID()])).rejects.toThrow(
      'approval_use_pkey',
    );
  });

  test.each([
    ["state = 'approved', expires_at = now()", 'has not got the votes'],
    ["state = 'claimed', claimed_by = gen_random_uuid()", 'cannot go from pending to claimed'],
    ["state = 'ended', claimed_by = gen_random_uuid(), ended_at = now()", 'cannot go from pending to ended'],
    ["state = 'unheard-of'", 'cannot go from pending to unheard-of'],
    ["requester = 'mallory'", 'cannot be changed'],
    ["node = 'worker-2'", 'cannot be changed'],
    [`needs = '[]'`, 'cannot be changed'],
    ["expires_at = expires_at + interval '1 day', state = 'denied', ended_at = now()", 'cannot be changed'],
  ])('to set %s on a pending request', async (change, refusal) => {
    const { id } = await bench.store.request(newApproval());
    await expect(bench.admin.query(`UPDATE talosgate.approval SET ${change} WHERE id = $1`, [id])).rejects.toThrow(
      refusal,
    );
  });

  test('to stretch a grant, to claim it without a use, or to bring an ended one back', async () => {
    const { id } = await grant(bench.store);
    const set = (change: string, on = id): Promise<unknown> =>
      bench.admin.query(`UPDATE talosgate.approval SET ${change} WHERE id = $1`, [on]);
    await expect(set("expires_at = expires_at + interval '1 hour'")).rejects.toThrow(
      'cannot go from approved to approved',
    );
    await expect(set("state = 'claimed', claimed_by = gen_random_uuid()")).rejects.toThrow('has no use on record');
    const used = await grant(bench.store);
    expect(await claim(bench.admin, used)).toBeUndefined();
    await bench.store.end(used.id, { how: 'ended', why: '' });
    await expect(set("state = 'approved', ended_at = NULL", used.id)).rejects.toThrow(
      'cannot go from ended to approved',
    );
  });

  test('a request that starts as granted, asks nobody, or waits for ever', async () => {
    const columns = `id, binding, request_digest, requester, cluster, node, method, action, resource, summary, reason, needs,
      denials, state, created_at, expires_at, claim_window`;
    const insert = (state: string, needs: string, window: string): Promise<unknown> =>
      bench.admin.query(
        `INSERT INTO talosgate.approval (${columns}) VALUES ('dbg-22222', $1, $1, 'bob', '', '', '', '', '', '{}', '', $2::jsonb,
           1, $3, now(), now() + interval '1 minute', $4::interval)`,
        ['a'.repeat(64), needs, state, window],
      );
    const one = '[{"group": null, "count": 1}]';
    await expect(insert('approved', one, '1 minute')).rejects.toThrow('starts as pending');
    for (const needs of [
      '[]',
      '{}',
      '[1]',
      '[{"count": 1}]',
      '[{"group": null, "count": 0}]',
      '[{"group": 1, "count": 1}]',
    ]) {
      await expect(insert('pending', needs, '1 minute')).rejects.toThrow('needs');
    }
    await expect(insert('pending', one, '31 minutes')).rejects.toThrow('claim_window');
  });

  test('to forget: rows are neither deleted nor votes changed', async () => {
    await grant(bench.store);
    for (const statement of [
      'DELETE FROM talosgate.approval',
      'DELETE FROM talosgate.approval_vote',
      'DELETE FROM talosgate.approval_use',
      "UPDATE talosgate.approval_vote SET verdict = 'approve'",
      'TRUNCATE talosgate.approval CASCADE',
    ]) {
      await expect(bench.admin.query(statement)).rejects.toMatchObject({ sqlState: 'TG002' });
    }
  });
});

describe("the gateway's login", () => {
  test('has no right to any table and cannot claim without a record', async () => {
    for (const table of ['approval', 'approval_vote', 'approval_use']) {
      for (const statement of [`SELECT FROM ${table}`, `DELETE FROM ${table}`, `TRUNCATE ${table}`]) {
        await expect(bench.writer.query(statement.replace(table, `talosgate.${table}`))).rejects.toThrow(
          'permission denied',
        );
      }
    }
    const approval = await grant(bench.store);
    expect((await claim(bench.writer, approval))?.message).toMatch('permission denied');
    for (const call of ["approval_person('x')", "approval_quorum_met('x')", "approval_answer('ok', 'x')"]) {
      await expect(bench.writer.query(`SELECT talosgate.${call}`)).rejects.toThrow('permission denied');
    }
  });
});
