import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Approval } from '../../../src/core/approval.ts';
import { createPool } from '../../../src/db/pool.ts';
import { openDatabaseWire } from '../../support/database-wire.ts';
import { ScriptedTerminal } from '../../support/scripted-terminal.ts';
import { HeldCaller } from './hold-support.ts';
import { type Bench, openBench, storeOn } from './support.ts';

let bench: Bench;
let caller: HeldCaller;
beforeAll(async () => {
  bench = await openBench();
});
beforeEach(() => {
  caller = new HeldCaller(bench);
});
afterAll(() => bench.close());

const approve = (id: string, reason = 'ok, 30 min'): Promise<Approval> =>
  bench.store.decide({ id, by: 'carol@example.com', verdict: 'approve', reason });

describe('holdForApproval while the database is away', () => {
  test('waits an outage out and is granted afterwards', async () => {
    const wire = await openDatabaseWire(bench.database.writerUrl);
    const pool = createPool({ url: wire.url });
    const { result, id } = await caller.waiting({ store: storeOn(pool) });
    wire.cut();
    await caller.terminal.shows('the database cannot be reached; still trying');
    wire.mend();
    await caller.terminal.shows('the database is back');
    await approve(id);
    expect(await result).toMatchObject({ kind: 'granted', approval: { id } });
    await pool.close();
    await wire.close();
  });

  test('ends after its time, can be left before, and touches no request', async () => {
    const wire = await openDatabaseWire(bench.database.writerUrl);
    const pool = createPool({ url: wire.url });
    const store = storeOn(pool);
    const { result, id } = await caller.waiting({ store, outageMs: 700 });
    wire.cut();
    expect(await result).toMatchObject({ kind: 'ended', how: 'unavailable', code: 'audit-unavailable', exitCode: 1 });
    expect(caller.lastLine()).toContain(`request ${id} stands`);
    expect(await bench.store.get(id)).toMatchObject({ state: 'pending' });
    wire.mend();
    caller.terminal = new ScriptedTerminal();
    const again = caller.hold({ store });
    await caller.terminal.shows('waiting');
    wire.cut();
    await caller.terminal.shows('still trying');
    caller.terminal.type('\x03');
    expect(await again).toMatchObject({ kind: 'ended', how: 'cancelled' });
    expect(caller.lastLine()).toContain(`request ${id} could not be cancelled, it lapses by itself`);
    caller.terminal = new ScriptedTerminal();
    expect(await caller.hold({ store })).toMatchObject({
      kind: 'ended',
      how: 'unavailable',
      code: 'audit-unavailable',
    });
    expect(caller.lastLine()).toBe(
      'talosgate: the database cannot be reached; nothing was started; run the same again in a moment',
    );
    await pool.close();
    await wire.close();
  });
});

describe('holdForApproval without a terminal', () => {
  beforeEach(() => {
    caller = new HeldCaller(bench, { tty: false });
  });

  test('uses a grant at once and keeps the output clean', async () => {
    const { id } = await bench.store.request(caller.request);
    await approve(id);
    expect(await caller.hold()).toMatchObject({ kind: 'granted', approval: { id } });
    expect(caller.terminal.printed).toBe('');
  });

  test('names an open request and does not wait', async () => {
    const { id } = await bench.store.request(caller.request);
    const message = `a debug container on worker-1 needs approval, request ${id} waits for it; run the same again after approval`;
    expect(await caller.hold()).toEqual({
      kind: 'ended',
      how: 'needs-request',
      message,
      exitCode: 1,
      code: 'approval-required',
    });
    expect(caller.lastLine()).toBe(`talosgate: ${message}`);
  });

  test('raises a request where no reason is needed', async () => {
    const result = await caller.hold({ reasonRequired: false });
    const { id, reason } = await caller.openRequest();
    expect(result).toMatchObject({ kind: 'ended', how: 'needs-request', code: 'approval-required' });
    expect(result.kind === 'ended' && result.message).toContain(
      `request ${id} waits for it; run the same again after approval`,
    );
    expect(reason).toBe('(no terminal: no reason given)');
  });

  test('raises none where a reason is needed and says where it is asked for', async () => {
    expect(await caller.hold()).toMatchObject({
      kind: 'ended',
      how: 'needs-request',
      exitCode: 1,
      code: 'approval-required',
    });
    expect(caller.lastLine()).toContain('run the same on a terminal, or ask for it with: talosgate request');
    expect(await bench.store.find(caller.request.binding)).toBeUndefined();
  });
});
