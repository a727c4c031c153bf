import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { HoldOptions } from '../../../src/approvals/hold-end.ts';
import type { Approval } from '../../../src/core/approval.ts';
import { GateError } from '../../../src/core/gate-error.ts';
import { screenOf } from '../../support/screen.ts';
import { ScriptedTerminal } from '../../support/scripted-terminal.ts';
import { HeldCaller } from './hold-support.ts';
import { type Bench, claim, elapse, newApproval, openBench } from './support.ts';

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

describe('holdForApproval on a terminal', () => {
  test('asks for a reason, waits, and says who approved', async () => {
    const result = caller.hold({
      texts: { approvers: 'platform-leads', baseUrl: 'https://gate.example.com', afterGrant: ['have fun'] },
    });
    await caller.terminal.shows('reason> ');
    caller.terminal.type('fix stuck kubelte');
    caller.terminal.type('\x7f\x7fet, INC-4711\r');
    await caller.terminal.shows('waiting');
    const { id, reason } = await caller.openRequest();
    expect(reason).toBe('fix stuck kubelet, INC-4711');
    await approve(id);
    expect(await result).toMatchObject({ kind: 'granted', approval: { id, state: 'approved' }, resize: undefined });
    expect(screenOf(caller.terminal.printed, 200)).toEqual([
      'talosgate: a debug container on worker-1 needs approval',
      'talosgate: reason> fix stuck kubelet, INC-4711',
      `talosgate: request ${id} raised; approvers: platform-leads; https://gate.example.com/approvals/${id}`,
      'talosgate: waiting for a decision; Ctrl-C cancels the request',
      'talosgate: approved by carol@example.com ("ok, 30 min")',
      'talosgate: have fun',
    ]);
    expect(caller.terminal.printed).not.toMatch(/(?<!\r)\n/);
  });

  test('asks again while the reason is empty and raises nothing before', async () => {
    const result = caller.hold();
    await caller.terminal.shows('reason> ');
    caller.terminal.type('   \r');
    caller.terminal.type('\r');
    caller.terminal.type('because\r');
    await caller.terminal.shows('waiting');
    expect(caller.terminal.printed.split('reason> ')).toHaveLength(4);
    expect((await caller.openRequest()).reason).toBe('because');
    caller.terminal.type('\x03');
    await result;
  });

  test('does not ask where no reason is needed', async () => {
    const result = caller.hold({ reasonRequired: false });
    await caller.terminal.shows('waiting');
    expect(caller.terminal.printed).not.toContain('reason>');
    await approve((await caller.openRequest()).id, '');
    expect(await result).toMatchObject({ kind: 'granted' });
    expect(caller.lastLine()).toBe('talosgate: approved by carol@example.com');
  });

  test('uses a grant that is there already, without a prompt', async () => {
    const { id } = await bench.store.request(caller.request);
    await approve(id);
    expect(await caller.hold()).toMatchObject({ kind: 'granted', approval: { id } });
    expect(caller.terminal.printed).toBe(
      'talosgate: a debug container on worker-1 needs approval\r\ntalosgate: approved by carol@example.com ("ok, 30 min")\r\n',
    );
  });

  test('joins a request that is open already, without a prompt', async () => {
    const { id } = await bench.store.request(caller.request);
    const result = caller.hold();
    await caller.terminal.shows(`request ${id} is open already`);
    await approve(id);
    expect(await result).toMatchObject({ kind: 'granted', approval: { id } });
    expect(caller.terminal.printed).not.toContain('reason>');
  });

  test('throws away what is typed while waiting, keeps up with it, and remembers the last size', async () => {
    const started = caller.hold();
    caller.terminal.send({ kind: 'resize', width: 80, height: 24 });
    await caller.terminal.shows('reason> ');
    caller.terminal.type('x\r');
    await caller.terminal.shows('waiting');
    const before = caller.terminal.printed;
    caller.terminal.send({ kind: 'resize', width: 100, height: 30 }, { kind: 'signal', signal: 28 });
    for (let i = 0; i < 2_000; i += 1) caller.terminal.type('rm -rf /\r'.repeat(100));
    caller.terminal.send({ kind: 'resize', width: 120, height: 40 });
    await approve((await caller.openRequest()).id);
    const result = await started;
    expect(result).toMatchObject({ kind: 'granted', resize: { width: 120, height: 40 } });
    expect(caller.terminal.unread).toBe(0);
    expect(caller.terminal.printed.slice(before.length)).toBe(
      'talosgate: approved by carol@example.com ("ok, 30 min")\r\n',
    );
    caller.terminal.type('first key for the container');
    expect(caller.terminal.unread).toBe(1);
  });

  test('ends with the denial and its reason on the screen, and without free text in the status', async () => {
    const { result, id } = await caller.waiting();
    await bench.store.decide({ id, by: 'dave', verdict: 'deny', reason: 'wrong command\x1b[2J' });
    const ended = await result;
    expect(ended).toMatchObject({ kind: 'ended', how: 'denied', exitCode: 1, code: 'approval-refused' });
    expect(caller.lastLine()).toBe(
      'talosgate: denied by dave ("wrong command[2J"); nothing was started; run the same again to ask anew',
    );
    expect(ended.kind === 'ended' && ended.message).toBe(
      `request ${id} was denied; nothing was started; run the same again to ask anew`,
    );
  });

  test('ends when nobody decides in time', async () => {
    const { result, id } = await caller.waiting();
    await elapse(bench.admin, id, '1 hour');
    expect(await result).toMatchObject({ kind: 'ended', how: 'expired', exitCode: 1, code: 'approval-required' });
    expect(caller.lastLine()).toBe(
      `talosgate: nobody decided on request ${id} in time; nothing was started; run the same again to ask anew`,
    );
  });

  test('ends when the request is cancelled elsewhere or its grant is used by another session', async () => {
    const first = await caller.waiting();
    await bench.store.cancel(first.id, caller.request.requester, 'changed my mind');
    expect(await first.result).toMatchObject({ kind: 'ended', how: 'cancelled', code: 'approval-required' });
    expect(caller.lastLine()).toContain(`request ${first.id} was cancelled`);
    caller.terminal = new ScriptedTerminal();
    // A replica that looks only after the grant was used.
    const late: HoldOptions['store'] = {
      ...bench.store,
      waitForChange: async (id, since, signal) => {
        const seen = await bench.store.waitForChange(id, since, signal);
        return seen.state === 'approved' ? await bench.store.waitForChange(id, 'approved', signal) : seen;
      },
    };
    const second = await caller.waiting({ store: late });
    const granted = await approve(second.id);
    expect(await claim(bench.admin, granted)).toBeUndefined();
    expect(await second.result).toMatchObject({ kind: 'ended', how: 'needs-request' });
    expect(caller.lastLine()).toContain('was used by another session');
  });

  test.each([
    ['Ctrl-C', () => caller.terminal.type('\x03')],
    ['Ctrl-C amid other keys', () => caller.terminal.type('abc\x1b[A\x03def')],
    ['HUP', () => caller.terminal.send({ kind: 'signal', signal: 1 })],
    ['INT', () => caller.terminal.send({ kind: 'signal', signal: 2 })],
    ['QUIT', () => caller.terminal.send({ kind: 'signal', signal: 3 })],
    ['TERM', () => caller.terminal.send({ kind: 'signal', signal: 15 })],
    ['a half-close', () => caller.terminal.send({ kind: 'half-close' })],
  ])('lets the caller leave while waiting by %s and cancels the request', async (_, leave) => {
    const { result, id } = await caller.waiting();
    leave();
    expect(await result).toMatchObject({ kind: 'ended', how: 'cancelled', exitCode: 1, code: 'approval-required' });
    expect(await bench.store.get(id)).toMatchObject({ state: 'cancelled' });
    expect(caller.lastLine()).toBe(
      `talosgate: request ${id} cancelled; nothing was started; run the same again to ask anew`,
    );
  });

  test.each([
    ['a reset stream', () => caller.terminal.send({ kind: 'gone' })],
    ["the end of the call's life", () => caller.gone.abort()],
  ])('cancels the request silently on %s', async (_, leave) => {
    const { result, id } = await caller.waiting();
    const before = caller.terminal.printed;
    leave();
    expect(await result).toMatchObject({ kind: 'ended', how: 'cancelled', code: 'cancelled' });
    expect(await bench.store.get(id)).toMatchObject({ state: 'cancelled' });
    expect(caller.terminal.printed).toBe(before);
  });

  test.each([
    ['Ctrl-C', () => caller.terminal.type('half a rea\x03')],
    ['Ctrl-D on an empty line', () => caller.terminal.type('\x04')],
    ['INT', () => caller.terminal.send({ kind: 'signal', signal: 2 })],
    ['a half-close', () => caller.terminal.send({ kind: 'half-close' })],
  ])('lets the caller leave the prompt by %s, with nothing raised', async (_, leave) => {
    const result = caller.hold();
    await caller.terminal.shows('reason> ');
    leave();
    expect(await result).toMatchObject({ kind: 'ended', how: 'cancelled', exitCode: 1 });
    expect(caller.lastLine()).toBe('talosgate: left before a request was raised; nothing was started');
    expect(await bench.store.find(caller.request.binding)).toBeUndefined();
  });

  test('withdraws the grant when the caller leaves before they could learn of it', async () => {
    const deaf: HoldOptions['store'] = {
      ...bench.store,
      waitForChange: (_id, _since, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('left')));
        }),
    };
    const { result, id } = await caller.waiting({ store: deaf });
    await approve(id);
    caller.gone.abort();
    expect(await result).toMatchObject({ kind: 'ended', how: 'cancelled' });
    expect(await bench.store.get(id)).toMatchObject({ state: 'withdrawn' });
  });

  test('leaves the request open when it is the gateway that stops', async () => {
    const { result, id } = await caller.waiting();
    caller.gone.abort(new GateError('draining', 'stopping'));
    expect(await result).toMatchObject({ kind: 'ended', how: 'unavailable', code: 'draining' });
    expect(caller.lastLine()).toBe(
      `talosgate: talosgate is being restarted; request ${id} stays open; run the same again in a moment`,
    );
    expect(await bench.store.get(id)).toMatchObject({ state: 'pending' });
  });

  test('cancels the request when the caller sends what makes no sense', async () => {
    const { result, id } = await caller.waiting();
    caller.terminal.send({ kind: 'spec' });
    expect(await result).toMatchObject({ kind: 'ended', how: 'cancelled' });
    expect(await bench.store.get(id)).toMatchObject({ state: 'cancelled' });
  });

  test('says so when the caller has too many open requests', async () => {
    for (let i = 0; i < 10; i += 1) await bench.store.request(newApproval({ requester: caller.request.requester }));
    const result = caller.hold();
    await caller.terminal.shows('reason> ');
    caller.terminal.type('one more\r');
    expect(await result).toMatchObject({ kind: 'ended', how: 'needs-request', code: 'overloaded', exitCode: 1 });
    expect(caller.lastLine()).toContain('10 open requests already');
  });

  test('never says what makes talosctl print its usage screen', async () => {
    const { result, id } = await caller.waiting();
    await approve(id);
    await result;
    expect(caller.terminal.printed).not.toMatch(/arg\(s\)|flag|command/);
  });
});
