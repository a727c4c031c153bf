import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BoundCall, bindCall } from '../../../src/approvals/binding.ts';
import { type Bench, claim, debugCall, elapse, grant, newApproval, openBench, sha256 } from './support.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench({ max_open: 100 });
});
afterAll(() => bench.close());

describe('approval_claim', () => {
  test('gives exactly one of 1,000 parallel claims the grant', async () => {
    const approval = await grant(bench.store);
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => claim(bench.admin, approval)));
    expect(answers.filter(answer => answer === undefined)).toHaveLength(1);
    const refused = answers.filter(answer => answer !== undefined);
    expect(new Set(refused.map(answer => answer.sqlState))).toEqual(new Set(['TG001']));
    expect(new Set(refused.map(answer => answer.message))).toEqual(
      new Set([`approval ${approval.id} was used already`]),
    );
    const uses = await bench.admin.query('SELECT * FROM talosgate.approval_use WHERE approval_id = $1', [approval.id]);
    expect(uses).toHaveLength(1);
    expect(await bench.store.get(approval.id)).toMatchObject({ state: 'claimed' });
  });

  test('refuses more than fifty requests that differ in one part only, and the original still works', async () => {
    const spec = Buffer.from('0a0408011a0012410a0f6578616d706c652e636f6d2f746f6f6c40736861323536', 'hex');
    const call: BoundCall = { ...debugCall, canonical: spec };
    const approval = await grant(bench.store, call);
    const mutated: BoundCall[] = [
      ...['Bob@example.com', 'bob@example.org', 'bob', 'carol@example.com', '', 'bob@example.com '].map(requester => ({
        ...call,
        requester,
      })),
      ...['Prod', 'staging', '', 'prod '].map(cluster => ({ ...call, cluster })),
      ...['worker-2', '10.0.0.1', 'worker-1.', 'WORKER-1', ''].map(node => ({ ...call, node })),
      ...['/machine.ImageService/Import', '/machine.DebugService/containerRun', ''].map(method => ({
        ...call,
        method,
      })),
      ...Array.from(spec, (_, at) => ({
        ...call,
        canonical: Buffer.from(spec.map((byte, i) => (i === at ? byte ^ 1 : byte))),
      })),
      { ...call, canonical: spec.subarray(0, -1) },
      { ...call, canonical: Buffer.concat([spec, Buffer.of(0)]) },
      { ...call, canonical: Buffer.alloc(0) },
    ];
    expect(mutated.length).toBeGreaterThan(50);
    for (const other of mutated) {
      const { binding } = bindCall(other);
      expect(await claim(bench.admin, { id: approval.id, binding, requester: other.requester })).toMatchObject({
        sqlState: 'TG001',
      });
      expect(await bench.store.find(binding)).toBeUndefined();
    }
    // The right binding in somebody else's name, and a digest that is nearly right.
    for (const requester of ['carol@example.com', 'BOB@example.com', 'machine:bob@example.com']) {
      expect((await claim(bench.admin, { ...approval, requester }))?.message).toMatch(/given to somebody else/);
    }
    for (const binding of [
      approval.binding.toUpperCase(),
      approval.binding.slice(1),
      `${approval.binding}0`,
      '',
      sha256(''),
    ]) {
      expect((await claim(bench.admin, { ...approval, binding }))?.message).toMatch(/another request/);
    }
    expect(await claim(bench.admin, approval)).toBeUndefined();
  });

  test('refuses a grant that lapsed a second ago, and takes one with a second left', async () => {
    const late = await grant(bench.store);
    await elapse(bench.admin, late.id, '30 minutes 1 second');
    expect(await claim(bench.admin, late)).toMatchObject({
      sqlState: 'TG001',
      message: `approval ${late.id} has lapsed`,
    });
    expect(await bench.store.get(late.id)).toMatchObject({ state: 'expired' });
    const early = await grant(bench.store);
    await elapse(bench.admin, early.id, '29 minutes 59 seconds');
    expect(await claim(bench.admin, early)).toBeUndefined();
  });

  test('refuses what was never granted', async () => {
    const pending = await bench.store.request(newApproval());
    expect((await claim(bench.admin, pending))?.message).toBe(`approval ${pending.id} is not decided yet`);
    const denied = await bench.store.request(newApproval());
    await bench.store.decide({ id: denied.id, by: 'carol@example.com', verdict: 'deny', reason: 'no' });
    expect((await claim(bench.admin, denied))?.message).toBe(`approval ${denied.id} is denied`);
    const withdrawn = await grant(bench.store);
    await bench.store.withdraw(withdrawn.id, 'carol@example.com', 'changed my mind');
    expect((await claim(bench.admin, withdrawn))?.message).toBe(`approval ${withdrawn.id} is withdrawn`);
    expect((await claim(bench.admin, { ...pending, id: 'dbg-zzzzz' }))?.message).toBe(
      'approval dbg-zzzzz does not exist',
    );
  });

  test('leaves the grant unused when its transaction is rolled back', async () => {
    const approval = await grant(bench.store);
    const failing = bench.admin.transaction(async tx => {
      await tx.query('SELECT talosgate.approval_claim($1, $2, $3, $4::uuid, $5::uuid)', [
        approval.id,
        approval.binding,
        approval.requester,
        randomUUID(),
        randomUUID(),
      ]);
      throw new Error('the intent could not be written');
    });
    await expect(failing).rejects.toThrow('the intent could not be written');
    expect(await bench.store.get(approval.id)).toMatchObject({ state: 'approved' });
    expect(await claim(bench.admin, approval)).toBeUndefined();
  });
});
