// "A shell on a node starts only with a grant by somebody else. No policy file can switch that off." and "an approval is
// bound to requester, node, method and the exact request, and is used once".
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ContainerDriver, ContainerdNamespace } from '../../src/gen/common/common_pb.js';
import { DebugContainerRunRequestSpec_Profile as Profile } from '../../src/gen/machine/debug_pb.js';
import type { AuditWatch } from '../support/audit-watch.ts';
import { paths, worker, worker2 } from '../support/calls.ts';
import { DebugSession, type DebugSpec, debugSpec, pullImage } from '../support/debug-session.ts';
import { vote } from '../support/http.ts';
import { expectStatus } from '../support/refusal.ts';
import { type Caller, type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
let watch: AuditWatch;
let image: string;
const sessions: DebugSession[] = [];

beforeAll(async () => {
  stack = await startStack({
    // Requests without a terminal, so that grants can wait for their use.
    config: raw => {
      raw['approvals'] = { reason_required: false, max_open: 100 };
    },
    policy: [
      'p, user:bob@example.com, *, *, debug.run, **, allow',
      'p, user:bob@example.com, *, *, *, **, allow',
      'p, user:bob@example.com, *, *, approvals.decide, **, allow',
      'p, user:alice@example.com, *, *, debug.run, **, allow',
    ],
  });
  watch = await stack.watch();
  image = await pullImage(stack.as('bob'));
  await pullImage(stack.as('bob'), 'docker.io/library/alpine:3.22', worker2);
});
afterAll(() => stack.close());
beforeEach(async () => {
  await watch.moveOn();
  stack.clearCalls();
});
afterEach(() => {
  for (const session of sessions.splice(0)) session.leave();
});

function debug(spec: DebugSpec, caller: Caller = 'bob', node = worker): DebugSession {
  const session = new DebugSession(stack.as(caller), spec, node);
  sessions.push(session);
  return session;
}

const runs = (): number => stack.seen().filter(call => call.path === paths.containerRun).length;
const plain = (more: Partial<DebugSpec> = {}): DebugSpec => debugSpec(image, { tty: false, ...more });

/** Has carol agree to a spec, so that an unused grant for bob waits. */
async function granted(spec: DebugSpec): Promise<string> {
  const asking = debug(spec);
  await asking.ends();
  const id = await asking.requestId();
  expect(await vote(stack.api('carol'), id)).toBe('approved');
  return id;
}

describe('a shell', () => {
  test('that a policy file allows is held all the same', async () => {
    const session = debug(debugSpec(image));
    await session.shows('needs approval');
    await session.shows('waiting for a decision');
    await sleep(300);
    expect(runs()).toBe(0);
    session.leave();
    await until(async () => (await watch.records()).some(record => record.kind === 'call.deny'));
    expect(runs()).toBe(0);
  });

  test('is not opened by the requester, whatever credential they use', async () => {
    const session = debug(debugSpec(image));
    const id = await session.requestId();
    const bob = stack.api('bob');
    expect(await vote(bob, id)).toMatch(/your own request/);
    const token = { ...bob, certificate: undefined, key: undefined, tokenFile: `${stack.directory}/bob.jwt` };
    await writeFile(token.tokenFile, stack.secrets.tokens.get('bob@example.com') ?? '');
    expect(await vote(token, id)).toMatch(/your own request/);
    const state = await vote(stack.api('alice'), id);
    expect(state).toMatch(/may not approvals\.decide/);
    expect(session.status).toBeUndefined();
    expect(runs()).toBe(0);
    expect(await vote(stack.api('carol'), id, 'deny', 'no')).toBe('denied');
    expect(await session.exits()).toBe(1);
    expect(await session.ends()).toBe(7);
    expectStatus({ code: session.status, message: session.message }, 'PERMISSION_DENIED', /was denied/);
    expect(session.text).toContain('denied by carol@example.com ("no")');
    expect(runs()).toBe(0);
  });

  test('named by tag is refused before anybody is asked', async () => {
    const session = debug(plain({ imageName: 'docker.io/library/alpine:3.22' }));
    await session.ends();
    expectStatus({ code: session.status, message: session.message }, 'PERMISSION_DENIED', /by digest/);
    const [record] = await watch.kinds('call.deny');
    expect(record).toMatchObject({ reason: 'unpinned-image', principal: 'bob@example.com', node: worker });
    expect(runs()).toBe(0);
  });

  test('runs on a grant, and every step is on record', async () => {
    const id = await granted(plain({ args: ['/bin/echo', 'one'] }));
    await watch.moveOn();
    const session = debug(plain({ args: ['/bin/echo', 'one'] }));
    expect(await session.exits()).toBe(0);
    expect(session.text).toBe('one\n');
    session.leave();
    const records = await watch.kinds('approval.claimed', 'call.intent', 'call.outcome', 'approval.ended');
    const intent = records.find(record => record.kind === 'call.intent');
    expect(intent).toMatchObject({ approvalId: id, decision: 'approve', risk: 'shell', talosRole: 'os:admin' });
    expect(records.find(record => record.kind === 'call.outcome')).toMatchObject({
      grpcCode: 0,
      endCause: 'server',
      details: { exitCode: '0' },
    });
    for (const record of records) expect(record.callId).toBe(intent?.callId);
    expect(records[0]?.kind).toBe('approval.claimed');
  });

  test('whose approver has lost the right does not start', async () => {
    const spec = plain({ args: ['/bin/echo', 'lost'] });
    const id = await granted(spec);
    await stack.addPolicy('p, user:carol@example.com, *, *, approvals.decide, **, deny');
    try {
      const session = debug(spec);
      await session.ends();
      expectStatus({ code: session.status, message: session.message }, 'PERMISSION_DENIED', /no longer counts/);
      expect(runs()).toBe(0);
    } finally {
      await stack.resetPolicy();
    }
    const again = debug(spec);
    await again.ends();
    expect(await again.requestId()).not.toBe(id);
    expect(runs()).toBe(0);
  });

  test('whose requester loses the right while they wait does not start', async () => {
    const session = debug(debugSpec(image, { args: ['/bin/sh'], env: { WAITS: 'yes' } }));
    const id = await session.requestId();
    await stack.addPolicy('p, user:bob@example.com, *, *, debug.run, **, deny');
    try {
      expect(await vote(stack.api('carol'), id)).toBe('approved');
      expect(await session.exits()).toBe(1);
      await session.ends();
      expectStatus({ code: session.status, message: session.message }, 'PERMISSION_DENIED', /denied by the rule/);
      expect(runs()).toBe(0);
    } finally {
      await stack.resetPolicy();
    }
  });

  test('whose requester has lost the right does not start', async () => {
    const spec = plain({ args: ['/bin/echo', 'gone'] });
    await granted(spec);
    await stack.addPolicy('p, user:bob@example.com, *, *, debug.run, **, deny');
    try {
      const session = debug(spec);
      await session.ends();
      expectStatus({ code: session.status, message: session.message }, 'PERMISSION_DENIED', /denied by the rule/);
      expect(runs()).toBe(0);
    } finally {
      await stack.resetPolicy();
    }
  });
});

describe('an approval', () => {
  const base: Partial<DebugSpec> = { args: ['/bin/echo', 'a', 'b'], env: { ONE: '1', TWO: '2' } };
  const mutations: readonly (readonly [string, Partial<DebugSpec>])[] = [
    ['another digest', { imageName: `docker.io/library/alpine@sha256:${'1'.repeat(64)}` }],
    ['the digest under another name', {}],
    ['one word less', { args: ['/bin/echo', 'a'] }],
    ['one word more', { args: ['/bin/echo', 'a', 'b', ''] }],
    ['words in another order', { args: ['/bin/echo', 'b', 'a'] }],
    ['words cut elsewhere', { args: ['/bin/echo', 'a b'] }],
    ['another program', { args: ['/bin/cat', 'a', 'b'] }],
    ['no words', { args: [] }],
    ['a variable less', { env: { ONE: '1' } }],
    ['a variable more', { env: { ONE: '1', TWO: '2', LD_PRELOAD: '/x' } }],
    ['another value', { env: { ONE: '1', TWO: '3' } }],
    ['values exchanged', { env: { ONE: '2', TWO: '1' } }],
    ['another profile', { profile: Profile.HOST_NS }],
    ['a terminal', { tty: true }],
    ['another driver', { containerd: { driver: ContainerDriver.CRI, namespace: ContainerdNamespace.NS_SYSTEM } }],
    [
      'another namespace',
      { containerd: { driver: ContainerDriver.CONTAINERD, namespace: ContainerdNamespace.NS_CRI } },
    ],
  ];

  test('does not fit a call that differs in anything', async () => {
    const id = await granted(plain(base));
    const renamed = image.replace('library/alpine', 'library/other');
    const asked = new Map<string, string>();
    for (const [what, change] of mutations) {
      const spec = plain({ ...base, ...(what === 'the digest under another name' ? { imageName: renamed } : change) });
      asked.set(what, await debug(spec).requestId());
    }
    asked.set('another node', await debug(plain(base), 'bob', worker2).requestId());
    asked.set('another caller', await debug(plain(base), 'alice').requestId());
    expect(asked.size).toBe(18);
    // Each raised a request of its own.
    expect(new Set([...asked.values(), id]).size).toBe(19);
    expect(runs()).toBe(0);

    // The same variables in another order are the same call; the grant still waits for it.
    const same = debug(plain({ ...base, env: { TWO: '2', ONE: '1' } }));
    expect(await same.exits()).toBe(0);
    expect(same.text).toBe('a b\n');
    expect(runs()).toBe(1);
  });

  test('is used once, however many ask at the same time', async () => {
    const spec = plain({ args: ['/bin/sh'] });
    const id = await granted(spec);
    const tries = Array.from({ length: 8 }, (_, at) => debug(spec, at % 2 === 0 ? 'bob' : 'bob-jwt'));
    await until(() => tries.filter(session => session.status !== undefined).length >= 7);
    await sleep(300);
    const open = tries.filter(session => session.status === undefined);
    expect(open).toHaveLength(1);
    expect(runs()).toBe(1);
    for (const session of tries) {
      if (session.status === undefined) continue;
      expectStatus({ code: session.status, message: session.message }, 'FAILED_PRECONDITION', /approv/);
    }
    const claims = (await watch.records()).filter(record => record.kind === 'approval.claimed');
    expect(claims.map(record => record.approvalId)).toEqual([id]);
    open[0]?.leave();

    const later = debug(spec);
    await later.ends();
    expect(await later.requestId()).not.toBe(id);
    expect(runs()).toBe(1);
  });

  test('that was withheld, or lapsed, opens nothing', async () => {
    const spec = plain({ args: ['/bin/echo', 'refused'] });
    const asking = debug(spec);
    await asking.ends();
    const id = await asking.requestId();
    expect(await vote(stack.api('carol'), id, 'deny', 'no')).toBe('denied');
    const again = debug(spec);
    await again.ends();
    expect(await again.requestId()).not.toBe(id);
    expect(await vote(stack.api('carol'), id)).toMatch(/denied; there is nothing left to decide/);
    expect(runs()).toBe(0);
  });
});
