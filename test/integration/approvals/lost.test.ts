import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endLostGrant } from '../../../src/approvals/lost.ts';
import { type AuditLog, openAuditLog } from '../../../src/audit/log.ts';
import { reapOnce } from '../../../src/audit/reaper.ts';
import type { Approval } from '../../../src/core/approval.ts';
import type { AuditRecord } from '../../../src/core/audit-record.ts';
import { systemClock, uuidv7 } from '../../../src/core/clock.ts';
import { GateError } from '../../../src/core/gate-error.ts';
import { until } from '../../support/until.ts';
import { type Bench, grant, openBench } from './support.ts';

let bench: Bench;
let log: AuditLog;
beforeAll(async () => {
  bench = await openBench();
  log = await openAuditLog({ connection: { url: bench.database.writerUrl }, replica: 'survivor', beatMs: 100 });
});
afterAll(async () => {
  await log.close();
  await bench.close();
});

/** A gateway process that claims a grant for a call and is then killed. */
async function claimAndDie({ id, binding, requester }: Approval): Promise<string> {
  const callId = uuidv7(systemClock);
  const module = new URL('../../../src/audit/log.ts', import.meta.url).href;
  const records = [
    { kind: 'call.intent', callId, approvalId: id, principal: requester },
    { kind: 'call.intent', callId: uuidv7(systemClock), principal: requester },
  ];
  const script = `
    const { openAuditLog } = await import(${JSON.stringify(module)});
    const log = await openAuditLog({ connection: { url: process.env.HOLDER_URL }, replica: 'holder', beatMs: 100 });
    const [claiming, other] = ${JSON.stringify(records)};
    await log.append([other]);
    await log.appendClaim([claiming], ${JSON.stringify({ approvalId: id, binding, requester })});
    console.log('claimed');
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    env: { ...process.env, HOLDER_URL: bench.database.writerUrl },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  return callId;
}

const reap = (onUnknown: (record: AuditRecord) => Promise<void>, warn: () => void = () => undefined): Promise<void> =>
  reapOnce({ pool: bench.writer, audit: log, log: { warn }, silenceMs: 300, onUnknown });

describe('a grant whose gateway process was killed', { timeout: 30_000 }, () => {
  test('becomes lost once its call is recorded as unknown, and that is recorded', async () => {
    const approval = await grant(bench.store);
    const callId = await claimAndDie(approval);
    expect(await bench.store.get(approval.id)).toMatchObject({ state: 'claimed', claimedBy: callId });
    await until(async () => {
      await reap(endLostGrant(bench.store));
      return (await bench.store.get(approval.id))?.state !== 'claimed';
    });
    const after = await bench.store.get(approval.id);
    expect(after).toMatchObject({ state: 'lost', claimedBy: callId });
    expect(after?.endedAt).toBeTypeOf('number');
    expect(bench.records.filter(record => record.approvalId === approval.id).at(-1)).toMatchObject({
      kind: 'approval.ended',
      details: { event: 'lost', outcome: 'accepted' },
    });
  });

  test('is told of after the record is durable, and again when that failed', async () => {
    const approval = await grant(bench.store);
    const callId = await claimAndDie(approval);
    const told: { call: string | undefined; durable: number }[] = [];
    let warnings = 0;
    const tell = async (record: AuditRecord): Promise<void> => {
      const rows = await bench.admin.query(
        `SELECT FROM talosgate.audit_entry WHERE kind = 'call.unknown' AND call_id = $1`,
        [record.callId ?? ''],
      );
      told.push({ call: record.callId, durable: rows.length });
      if (record.callId !== callId) return;
      if (told.filter(({ call }) => call === callId).length < 3) throw new GateError('audit-unavailable', 'away');
      await endLostGrant(bench.store)(record);
    };
    await until(async () => {
      await reap(tell, () => {
        warnings += 1;
      });
      return told.length > 0;
    });
    expect(told.map(({ durable }) => durable)).toEqual([1, 1, 1, 1]);
    expect(told.filter(({ call }) => call === callId)).toHaveLength(3);
    expect(warnings).toBe(3);
    expect(await bench.store.get(approval.id)).toMatchObject({ state: 'lost' });
  });
});

describe('endLostGrant', () => {
  test('leaves alone what another call has claimed, what has ended, and calls without a grant', async () => {
    const approval = await grant(bench.store);
    const callId = await claimHere(approval);
    const end = endLostGrant(bench.store);
    const unknown = (more: Partial<AuditRecord>): AuditRecord => ({ kind: 'call.unknown', callId, ...more });
    await end(unknown({ approvalId: approval.id, callId: uuidv7(systemClock) }));
    await end(unknown({}));
    await end(unknown({ approvalId: 'dbg-zzzzz' }));
    expect(await bench.store.get(approval.id)).toMatchObject({ state: 'claimed' });
    await bench.store.end(approval.id, { how: 'ended', why: '' });
    await end(unknown({ approvalId: approval.id }));
    expect(await bench.store.get(approval.id)).toMatchObject({ state: 'ended' });
  });
});

async function claimHere({ id: approvalId, binding, requester }: Approval): Promise<string> {
  const callId = uuidv7(systemClock);
  const records: AuditRecord[] = [{ kind: 'call.intent', callId, approvalId, principal: requester }];
  await log.appendClaim(records, { approvalId, binding, requester });
  return callId;
}
