// What runs on a grant ends when somebody says so, on whichever replica; and a node that is away costs no grant.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { callApi } from '../../src/cli/client.ts';
import type { AuditWatch } from '../support/audit-watch.ts';
import { followLogs, paths, version, worker } from '../support/calls.ts';
import { DebugSession, debugSpec, pullImage } from '../support/debug-session.ts';
import { vote } from '../support/http.ts';
import { expectStatus } from '../support/refusal.ts';
import { type Replica, startReplica } from '../support/replica.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
let other: Replica;
let watch: AuditWatch;
let image: string;
beforeAll(async () => {
  stack = await startStack({
    config: raw => {
      raw['approvals'] = { reason_required: false, max_open: 100 };
    },
    policy: ['p, user:bob@example.com, *, *, logs.read, **, approve'],
  });
  other = await startReplica(stack);
  watch = await stack.watch();
  image = await pullImage(stack.as('bob'));
});
afterAll(async () => {
  await other.close();
  await stack.close();
});
beforeEach(async () => {
  stack.clearCalls();
  await watch.moveOn();
});
afterEach(() => until(() => stack.nodes.worker.control.openStreams() === 0));

/** Asked of the replica on which nothing runs. */
async function revoke(id: string, reason: string): Promise<{ state: string; endedBy?: string }> {
  const answer = await callApi(other.api('carol'), 'POST', `/api/v1/approvals/${id}/revoke`, { reason });
  return answer as { state: string; endedBy?: string };
}

async function state(id: string): Promise<string> {
  return ((await callApi(stack.api('carol'), 'GET', `/api/v1/approvals/${id}`)) as { state: string }).state;
}

test('a shell that is ended leaves the screen and the terminal as they were', async () => {
  const spec = debugSpec(image, { env: { MODES: '\x1b[?1049h\x1b[?1000h\x1b[?25l' } });
  const session = new DebugSession(stack.as('bob'), spec);
  const id = await session.requestId();
  expect(await vote(stack.api('carol'), id)).toBe('approved');
  await session.shows('# ');
  session.type('echo $MODES\r');
  await session.shows('\x1b[?25l\r\n');
  await session.shows(/\n[^\n]*# $/);
  await revoke(id, 'wrong node');
  expect(await session.exits()).toBe(1);
  const last = session.text.slice(session.text.lastIndexOf('# ') + 2);
  expect(last.slice(0, last.indexOf('talosgate: '))).toBe(
    '\x1b[?1049l\x1b[?1000l\x1b[?25h\x1b>\x1b(B\x1b[0m\x1b7\x1b[r\x1b8\r\n',
  );
  session.leave();
});

test('a shell is ended within two seconds from another replica, with a last line and exit code 1', async () => {
  const session = new DebugSession(stack.as('bob'), debugSpec(image));
  const id = await session.requestId();
  expect(await vote(stack.api('carol'), id)).toBe('approved');
  await session.shows('# ');
  await watch.moveOn();
  const before = performance.now();
  expect(await revoke(id, 'wrong node')).toMatchObject({ state: 'revoked', endedBy: 'carol@example.com' });
  expect(await session.exits()).toBe(1);
  await session.ends();
  expect(performance.now() - before).toBeLessThan(2_000);
  expect(session.text).toMatch(
    new RegExp(
      `# \\r\\ntalosgate: carol@example\\.com revoked approval ${id} and ended this; run the same again to ask anew\\r\\n$`,
    ),
  );
  const records = await watch.kinds('approval.ended');
  expect(records.find(({ kind }) => kind === 'approval.ended')).toMatchObject({
    approvalId: id,
    principal: 'carol@example.com',
    details: { event: 'revoked', why: 'wrong node' },
  });
  expect(await state(id)).toBe('revoked');
});

test('any other long call is ended as well, and its grant does not come back', async () => {
  const follow = { node: worker };
  let lines = 0;
  const asking = await followLogs(stack.as('bob'), follow, () => false);
  expectStatus(asking, 'FAILED_PRECONDITION', /run the same again after approval/);
  const id = /request (log-[2-9a-z]+|req-[2-9a-z]+) /.exec(asking.message)?.[1] ?? '';
  expect(await vote(stack.api('carol'), id)).toBe('approved');
  const following = followLogs(stack.as('bob'), follow, replies => {
    lines = replies.length;
    return false;
  });
  await until(() => lines > 2);
  const before = performance.now();
  expect(await revoke(id, '')).toMatchObject({ state: 'revoked' });
  expectStatus(await following, 'FAILED_PRECONDITION', /carol@example\.com revoked approval/);
  expect(performance.now() - before).toBeLessThan(2_000);
  await expect(revoke(id, '')).rejects.toThrow('nothing runs on it');
});

test('a shell on a node that is away says so, exits with 1, and the grant is still there when it is back', async () => {
  const spec = debugSpec(image, { tty: false, args: ['/bin/true'] });
  const asking = new DebugSession(stack.as('bob'), spec);
  await asking.ends();
  const id = await asking.requestId();
  expect(await vote(stack.api('carol'), id)).toBe('approved');
  await stack.nodes.worker.control.kill();
  try {
    await watch.moveOn();
    const session = new DebugSession(stack.as('bob'), spec);
    expect(await session.exits()).toBe(1);
    expect(await session.ends()).toBe(14);
    expect(session.text).toMatch(
      /talosgate: .*nothing was started, approval dbg-\S+ can still be used until .*run the same again\n$/,
    );
    expect((await watch.kinds('call.deny'))[0]).toMatchObject({
      reason: 'node-unreachable',
      details: { approval: id },
    });
    expect(await state(id)).toBe('approved');
  } finally {
    await stack.nodes.worker.control.start();
  }
  await until(async () => (await version(stack.as('bob'), { node: worker })).code === 0);
  const again = new DebugSession(stack.as('bob'), spec);
  await until(() => stack.seen().some(call => call.path === paths.containerRun));
  again.leave();
  await until(async () => (await state(id)) === 'ended');
});
