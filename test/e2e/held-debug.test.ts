// The held terminal of a debug container, as its user lives through it (approvals.md 5).
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openSession } from '../../src/db/connection.ts';
import type { AuditWatch } from '../support/audit-watch.ts';
import { paths, worker } from '../support/calls.ts';
import { DebugSession, type DebugSpec, debugSpec, pullImage } from '../support/debug-session.ts';
import { vote } from '../support/http.ts';
import { expectStatus } from '../support/refusal.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
let watch: AuditWatch;
let image: string;
const sessions: DebugSession[] = [];
beforeAll(async () => {
  stack = await startStack({
    config: raw => {
      raw['limits'] = { read_timeout: '1s' };
      raw['approvals'] = { max_open: 100, approvers: 'platform-leads', base_url: 'https://gate.example' };
    },
  });
  watch = await stack.watch();
  image = await pullImage(stack.as('bob'));
});
afterAll(() => stack.close());
beforeEach(async () => {
  await watch.moveOn();
  stack.clearCalls();
});
afterEach(async () => {
  for (const session of sessions.splice(0)) session.leave();
  await until(async () => {
    const records = await watch.records();
    const ended = records.filter(({ kind }) => kind === 'approval.ended').map(({ approvalId }) => approvalId);
    return records.every(({ kind, approvalId }) => kind !== 'approval.claimed' || ended.includes(approvalId));
  });
});

let last = 0;
/** Every session asks for something else, so that none finds the request of another. */
function debug(more: Partial<DebugSpec> = {}): DebugSession {
  const session = new DebugSession(stack.as('bob'), debugSpec(image, { env: { TEST: String((last += 1)) }, ...more }));
  sessions.push(session);
  return session;
}
const runs = (): number => stack.seen().filter(call => call.path === paths.containerRun).length;

describe('a debug container on a terminal', () => {
  test('is held as long as it takes, then runs with the size of the terminal', async () => {
    const session = debug();
    session.resize(97, 31);
    const id = await session.raise('fix kubelet, INC-4711');
    session.type('rm -rf /\r');
    session.resize(101, 33);
    // Longer than a request message may take to arrive.
    await sleep(1_500);
    expect(session.status).toBeUndefined();
    expect(runs()).toBe(0);
    expect(await vote(stack.api('carol'), id)).toBe('approved');
    await session.shows('approved by carol@example.com ("ok, 30 min")');
    session.type('stty size\r');
    await session.shows('33 101');
    session.type('id\r');
    await session.shows('uid=0(root)');
    session.type('exit 3\r');
    expect(await session.exits()).toBe(3);
    session.leave();
    expect(session.text).toMatch(
      new RegExp(
        `^talosgate: a debug container on ${worker} needs approval\\r\\n` +
          'talosgate: reason> fix kubelet, INC-4711\\r\\n' +
          `talosgate: request ${id} raised; approvers: platform-leads; https://gate.example/approvals/${id}\\r\\n`,
      ),
    );
    // What was typed before the approval is not replayed to the container.
    expect(session.text).not.toContain('rm -rf');
    const call = stack.nodes.worker.control.calls()[0];
    expect(Buffer.concat(call?.requests ?? []).toString('latin1')).not.toContain('rm -rf');
    await until(async () => (await watch.records()).some(record => record.kind === 'approval.ended'));
    const kinds = (await watch.records()).map(record => record.kind);
    expect(kinds.filter(kind => /^(approval|call)\./.test(kind))).toEqual([
      'approval.requested',
      'approval.decided',
      'approval.claimed',
      'call.intent',
      'call.outcome',
      'approval.ended',
    ]);
  });

  test('gets what its user types between the approval and the start', async () => {
    const session = debug();
    const id = await session.raise();
    // The use of a grant writes here: the start waits.
    const admin = await openSession({ url: stack.database.adminUrl });
    await admin.query('BEGIN');
    await admin.query('LOCK TABLE talosgate.approval_use IN SHARE MODE');
    expect(await vote(stack.api('carol'), id)).toBe('approved');
    await session.shows('approved by carol@example.com');
    session.type('id\r');
    await sleep(200);
    expect(runs()).toBe(0);
    await admin.query('ROLLBACK');
    await admin.close();
    await session.shows('uid=0(root)');
  });

  test.each([
    ['Ctrl-C', (session: DebugSession) => session.type('\u0003')],
    ['a signal', (session: DebugSession) => session.signal(15)],
    ['a half-close', (session: DebugSession) => session.halfClose()],
  ])('that its user leaves by %s is cancelled, with an exit code', async (_how, leave) => {
    const session = debug();
    const id = await session.raise();
    leave(session);
    expect(await session.exits()).toBe(1);
    await session.ends();
    expectStatus({ code: session.status, message: session.message }, 'FAILED_PRECONDITION', /cancelled/);
    expect(session.text).toContain(`request ${id} cancelled`);
    await watch.kinds('approval.requested', 'approval.ended', 'call.deny');
    expect(await vote(stack.api('carol'), id)).toMatch(/cancelled/);
    expect(runs()).toBe(0);
  });

  test('whose user hangs up is cancelled', async () => {
    const session = debug();
    const id = await session.raise();
    session.leave();
    await until(async () => (await watch.records()).some(record => record.kind === 'call.deny'));
    expect(await vote(stack.api('carol'), id)).toMatch(/cancelled/);
    expect(runs()).toBe(0);
  });

  test('that its user leaves before giving a reason raises nothing', async () => {
    const session = debug();
    await session.shows('reason>');
    session.type('half a rea\u0003');
    expect(await session.exits()).toBe(1);
    await watch.kinds('call.deny');
  });

  test('is not told apart by a second spec: that ends the wait', async () => {
    const session = debug();
    const id = await session.raise();
    session.sendSpec(debugSpec(image, { args: ['/bin/sh', '-c', 'evil'] }));
    expect(await session.exits()).toBe(1);
    expect(await vote(stack.api('carol'), id)).toMatch(/cancelled/);
    expect(runs()).toBe(0);
  });

  test('that runs is ended by a second spec, and the node sees none of it', async () => {
    const session = debug();
    await vote(stack.api('carol'), await session.raise());
    await session.shows('# ');
    session.sendSpec(debugSpec(image, { args: ['/bin/sh', '-c', 'evil'] }));
    await session.ends();
    expectStatus({ code: session.status, message: session.message }, 'INVALID_ARGUMENT', /spec.* not accepted here/);
    const [call] = stack.nodes.worker.control.calls();
    await until(() => call?.ended !== undefined);
    expect(call?.ended).toEqual({ kind: 'cancelled' });
    expect(Buffer.concat(call?.requests ?? []).toString('latin1')).not.toContain('evil');
    await until(async () => (await watch.records()).some(record => record.kind === 'call.outcome'));
    const outcome = (await watch.records()).find(record => record.kind === 'call.outcome');
    expect(outcome).toMatchObject({ endCause: 'gateway', grpcCode: 3 });
  });

  test('that nobody may run is refused at once, with an exit code', async () => {
    const session = new DebugSession(stack.as('alice'), debugSpec(image));
    sessions.push(session);
    expect(await session.exits()).toBe(1);
    await session.ends();
    expectStatus({ code: session.status, message: session.message }, 'PERMISSION_DENIED', /no rule allows it/);
    await watch.kinds('call.deny');
  });
});

describe('a debug container without a terminal', () => {
  test('is told to ask on one, where a reason is needed', async () => {
    const session = debug({ tty: false });
    expect(await session.exits()).toBe(1);
    await session.ends();
    expectStatus({ code: session.status, message: session.message }, 'FAILED_PRECONDITION', /on a terminal/);
    await watch.kinds('call.deny');
  });
});
