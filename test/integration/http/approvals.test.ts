// Approvals through the JSON API, on a whole gateway.
import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { verifies } from '../../../src/approvals/signature.ts';
import type { Answer, DemoClient } from '../../../src/cli/demo/check-client.ts';
import { type DecisionStatement, decisionBytes } from '../../../src/core/decision-statement.ts';
import { DataSchema } from '../../../src/gen/common/common_pb.js';
import { EtcdSnapshotRequestSchema } from '../../../src/gen/machine/machine_pb.js';
import type { AuditWatch } from '../../support/audit-watch.ts';
import { cp, reboot, version, worker, worker2 } from '../../support/calls.ts';
import { ask, type HttpAnswer } from '../../support/https.ts';
import { expectStatus } from '../../support/refusal.ts';
import { type Person, type Stack, startStack } from '../../support/stack.ts';
import { until } from '../../support/until.ts';

let stack: Stack;
let watch: AuditWatch;
beforeAll(async () => {
  stack = await startStack({
    config: raw => {
      raw['approvals'] = { max_open: 5 };
    },
    policy: [
      'p, user:bob@example.com, *, *, node.reboot, **, approve',
      'p, user:alice@example.com, *, *, node.reboot, **, approve',
      'p, user:bob@example.com, *, *, approvals.read, **, allow',
      'p, user:bob@example.com, *, *, approvals.decide, node.reboot, allow',
      'p, group:etcd-leads, *, "role=controlplane", approvals.decide, etcd.snapshot, allow',
    ],
  });
  watch = await stack.watch();
});
afterAll(() => stack.close());
beforeEach(async () => {
  await watch.moveOn();
  stack.clearCalls();
});

const base = '/api/v1/approvals';
const get = (who: Person, path = ''): Promise<HttpAnswer> => ask(stack.api(who), `${base}${path}`);
const decide = (who: Person, id: string, body: unknown): Promise<HttpAnswer> =>
  ask(stack.api(who), `${base}/${id}/decision`, { method: 'POST', body });
const approve = { verdict: 'approve', reason: 'ok' };
const deny = { verdict: 'deny', reason: 'not today' };

function snapshot(client: DemoClient, node = cp): Promise<Answer<unknown>> {
  const path = '/machine.MachineService/EtcdSnapshot';
  return client.serverStream(path, { node }, EtcdSnapshotRequestSchema, {}, DataSchema, () => false);
}

/** The request that a refused call names. */
function requestIn(answer: Answer<unknown>): string {
  expectStatus(answer, 'FAILED_PRECONDITION', /needs approval: request [a-z]{3}-[2-9a-z]{5} is open/);
  return /request ([a-z]{3}-[2-9a-z]{5}) /.exec(answer.message)?.[1] ?? '';
}

describe('a call that needs approval', () => {
  test('is told its request, found again, approved, run once, and needs another then', async () => {
    const bob = stack.as('bob');
    const id = requestIn(await reboot(bob));
    expect(requestIn(await reboot(bob))).toBe(id);
    expect(stack.seen()).toEqual([]);

    const shown = (await get('carol', `/${id}`)).body;
    expect(shown).toMatchObject({
      id,
      state: 'pending',
      requester: 'bob@example.com',
      cluster: 'demo',
      node: worker,
      method: '/machine.MachineService/Reboot',
      action: 'node.reboot',
      votes: [],
    });
    const decided = await decide('carol', id, approve);
    expect(decided.body).toMatchObject({
      state: 'approved',
      votes: [{ by: 'carol@example.com', verdict: 'approve', reason: 'ok' }],
    });

    stack.nodes.worker.control.failNext('/machine.MachineService/Reboot', { code: 'ABORTED', message: 'once' });
    await watch.moveOn();
    expectStatus(await reboot(bob), 'ABORTED', /once/);
    const records = await watch.kinds('approval.claimed', 'call.intent', 'call.outcome', 'approval.ended');
    for (const record of records) expect(record.approvalId).toBe(id);
    expect((await get('carol', `/${id}`)).body).toMatchObject({ state: 'ended' });
    expect(requestIn(await reboot(bob))).not.toBe(id);
    expect(stack.seen()).toHaveLength(1);
  });

  test('to several nodes is granted node by node and runs only when all are', async () => {
    const targets = { nodes: [worker, worker2] };
    const first = requestIn(await reboot(stack.as('alice'), targets));
    expect((await decide('carol', first, approve)).status).toBe(200);
    const second = requestIn(await reboot(stack.as('alice'), targets));
    expect(second).not.toBe(first);
    expect(stack.seen()).toEqual([]);
    expect((await decide('carol', second, approve)).status).toBe(200);
    for (const node of [stack.nodes.worker, stack.nodes.worker2]) {
      node.control.failNext('/machine.MachineService/Reboot', { code: 'ABORTED', message: 'once' });
    }
    const answer = await reboot(stack.as('alice'), targets);
    expect(answer.code).toBe(0);
    expect(answer.replies[0]?.messages.map(({ metadata }) => metadata?.status?.code)).toEqual([10, 10]);
    expect(stack.seen()).toHaveLength(2);
    requestIn(await reboot(stack.as('alice'), targets));
  });

  test('to several nodes at the same time in another order runs on no node twice, and no grant is left claimed', async () => {
    const alice = stack.as('alice');
    const ids: string[] = [];
    for (const node of [worker, worker2]) {
      const id = requestIn(await reboot(alice, { node }));
      expect((await decide('carol', id, approve)).status).toBe(200);
      ids.push(id);
    }
    for (const node of [stack.nodes.worker, stack.nodes.worker2]) {
      node.control.failNext('/machine.MachineService/Reboot', { code: 'ABORTED', message: 'once' });
    }
    const orders = [
      [worker, worker2],
      [worker2, worker],
      [worker, worker2],
      [worker2, worker],
    ];
    const clients = await Promise.all(orders.map(() => stack.h2('alice')));
    const replies = await Promise.all(
      orders.map(
        async (nodes, at) =>
          await clients[at]?.unary(
            '/machine.MachineService/Reboot',
            Buffer.of(),
            nodes.map(node => ['nodes', node] as const),
          ),
      ),
    );
    expect(replies.filter(reply => reply?.code === 0).length).toBeLessThanOrEqual(1);
    for (const node of [worker, worker2]) {
      expect(stack.seen().filter(call => call.node === node).length).toBeLessThanOrEqual(1);
    }
    const stateOf = async (id: string): Promise<unknown> =>
      ((await get('carol', `/${id}`)).body as { state: string }).state;
    await until(async () => (await Promise.all(ids.map(stateOf))).every(state => state === 'ended'));
    for (const node of [stack.nodes.worker, stack.nodes.worker2]) await node.control.restart();
  });

  test('may not have more open requests than is configured', async () => {
    const bob = stack.as('bob');
    for (const node of [cp, worker2]) requestIn(await reboot(bob, { node }));
    for (const node of [cp, worker2]) await snapshot(bob, node);
    expectStatus(await snapshot(bob, worker), 'RESOURCE_EXHAUSTED', /has 5 open requests already/);
    expect((await version(bob)).code).toBe(0);
  });
});

describe('the list', () => {
  test('has the newest first, by state', async () => {
    const { approvals } = (await get('carol', '?state=pending')).body as {
      approvals: { state: string; created: string }[];
    };
    expect(approvals.length).toBeGreaterThan(3);
    for (const { state } of approvals) expect(state).toBe('pending');
    const times = approvals.map(({ created }) => created);
    expect(times).toEqual(times.toSorted().toReversed());
    const one = (await get('carol', '?limit=1')).body as { approvals: unknown[] };
    expect(one.approvals).toHaveLength(1);
    expect(((await get('carol', '?state=lost')).body as { approvals: unknown[] }).approvals).toEqual([]);
  });

  test.each(['state=open', 'limit=0', 'limit=501', 'who=bob'])('with %s is a mistake of the caller', async query => {
    expect((await get('carol', `?${query}`)).body).toMatchObject({ status: 400, code: 'bad-request', instance: base });
  });

  test.each(['dbg-22222', 'x', '%00', '..%2f..', 'a'.repeat(64)])('does not have %s', async id => {
    expect((await get('carol', `/${id}`)).body).toMatchObject({ status: 404, code: 'not-found' });
  });
});

describe('a decision', () => {
  async function pending(): Promise<string> {
    const { approvals } = (await get('carol', '?state=pending')).body as {
      approvals: { id: string; requester: string; action: string }[];
    };
    const found = approvals.find(
      ({ requester, action }) => requester === 'bob@example.com' && action === 'node.reboot',
    );
    return found?.id ?? '';
  }

  test('on one’s own request is refused, though policy allows it, and is on record', async () => {
    const id = await pending();
    const answer = await decide('bob', id, approve);
    expect(answer.body).toMatchObject({ status: 409, detail: expect.stringMatching(/your own request/) as string });
    const [record] = await watch.kinds('approval.decided');
    expect(record).toMatchObject({
      principal: 'bob@example.com',
      approvalId: id,
      peerAddress: '127.0.0.1',
      details: { verdict: 'approve', outcome: 'refused: own-request' },
    });
    expect((await get('carol', `/${id}`)).body).toMatchObject({ state: 'pending', votes: [] });
  });

  test('without the right is refused and on record', async () => {
    const id = await pending();
    expect((await decide('alice', id, approve)).status).toBe(403);
    const [record] = await watch.kinds('call.deny');
    expect(record).toMatchObject({
      principal: 'alice@example.com',
      action: 'approvals.decide',
      resource: 'node.reboot',
    });
    expect(record).toMatchObject({ cluster: 'demo' });
  });

  test('is on record with who, why and how they proved it; a second one changes nothing', async () => {
    const id = await pending();
    expect((await decide('carol', id, deny)).body).toMatchObject({ state: 'denied' });
    const [record] = await watch.kinds('approval.decided');
    expect(record).toMatchObject({
      principal: 'carol@example.com',
      principalKind: 'person',
      details: { verdict: 'deny', reason: 'not today', outcome: 'accepted', requester: 'bob@example.com' },
    });
    expect(record?.proofs).toHaveLength(1);
    expect((await decide('carol', id, approve)).body).toMatchObject({ status: 409, code: 'conflict' });
    expect((await get('carol', `/${id}`)).body).toMatchObject({ state: 'denied' });
  });

  test('counts by a group of the decider, for nodes with a label only', async () => {
    const onControlPlane = requestIn(await snapshot(stack.as('bob'), cp));
    const token = await stack.secrets.signer.sign({ email: 'erin@example.com', groups: ['etcd-leads'], seconds: 60 });
    const vote = (id: string): Promise<HttpAnswer> =>
      ask(stack.api('alice'), `${base}/${id}/decision`, { method: 'POST', body: approve, token, certificate: false });
    const onWorker = requestIn(await snapshot(stack.as('bob'), worker2));
    expect((await vote(onWorker)).status).toBe(403);
    const answer = await vote(onControlPlane);
    expect(answer.body).toMatchObject({ state: 'approved', votes: [{ by: 'erin@example.com' }] });
    await watch.moveOn();
    expect((await snapshot(stack.as('bob'), cp)).code).toBe(0);
    const records = await watch.kinds('approval.claimed', 'call.intent', 'call.outcome', 'approval.ended');
    expect(records[0]).toMatchObject({ details: { approvers: ['erin@example.com'] } });
  });

  test.each([
    [{ verdict: 'maybe', reason: '' }],
    [{ reason: 'ok' }],
    [{ verdict: 'approve', reason: 'x'.repeat(501) }],
    [{ verdict: 'approve', reason: 'ok', by: 'erin@example.com' }],
    ['verdict=approve'],
    [undefined],
  ])('that says %j is a mistake of the caller', async body => {
    const answer = await decide('carol', 'dbg-22222', body);
    expect(answer.body).toMatchObject({ status: 400, code: 'bad-request' });
    expect((await watch.records()).filter(({ kind }) => kind.startsWith('approval.'))).toEqual([]);
  });

  test('sent as a form is refused: a page elsewhere could send one', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await ask(stack.api('carol'), `${base}/dbg-22222/decision`, {
      method: 'POST',
      body: 'verdict=approve',
      headers,
    });
    expect(answer.status).toBe(415);
  });

  test('on what is not there is 404', async () => {
    expect((await decide('carol', 'dbg-22222', approve)).status).toBe(404);
  });
});

describe('a signed decision', () => {
  const fresh = async (): Promise<{ id: string; binding: string }> => {
    // Every one of these tests ends its request, so the next call raises another.
    const id = requestIn(await reboot(stack.as('alice'), { node: cp }));
    return { id, binding: ((await get('carol', `/${id}`)).body as { binding: string }).binding };
  };
  const signedBy = (who: Person, statement: DecisionStatement): string => {
    const key = createPrivateKey(readFileSync(stack.api(who).key ?? ''));
    return sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', decisionBytes(statement), key).toString(
      'base64',
    );
  };

  test('is kept with its key, on the request and on record, so that it can be checked later', async () => {
    const { id: approval, binding } = await fresh();
    const signature = signedBy('carol', { approval, binding, ...deny, verdict: 'deny' });
    const answer = await decide('carol', approval, { ...deny, signature });
    const { votes } = answer.body as {
      votes: { signature: { value: string; publicKey: string; fingerprint: string } }[];
    };
    const kept = votes[0]?.signature;
    expect(kept?.value).toBe(signature);
    const records = (await watch.records()).filter(({ kind }) => kind === 'approval.decided');
    expect(records).toHaveLength(1);
    const { details, proofs } = records[0] ?? {};
    expect(details).toMatchObject({ signature, signatureKey: kept?.publicKey, outcome: 'accepted' });
    expect(proofs).toMatchObject([{ fingerprint: kept?.fingerprint }]);
    expect(details?.['signatureFingerprint']).toBe(kept?.fingerprint);
    expect(
      verifies(
        { approval, binding, verdict: 'deny', reason: deny.reason },
        { value: signature, publicKey: kept?.publicKey ?? '' },
      ),
    ).toBe(true);
  });

  test('with a signature of somebody else, or over anything else, is refused and on record; the request stays open', async () => {
    const { id: approval, binding } = await fresh();
    const right = { approval, binding, verdict: 'approve', reason: 'ok' } as const;
    const wrong = [
      signedBy('bob', right),
      signedBy('carol', { ...right, approval: 'rbt-22222' }),
      signedBy('carol', { ...right, binding: 'a'.repeat(64) }),
      signedBy('carol', { ...right, verdict: 'deny' }),
      signedBy('carol', { ...right, reason: 'ok ' }),
      Buffer.from('no signature at all').toString('base64'),
      '!',
    ];
    for (const signature of wrong) {
      const answer = await decide('carol', approval, { ...approve, signature });
      expect(answer.body).toMatchObject({ status: 403, detail: expect.stringMatching(/signature/) as string });
    }
    const refusals = (await watch.records()).filter(({ kind }) => kind === 'approval.decided');
    expect(refusals.map(({ details }) => details?.['outcome'])).toEqual(wrong.map(() => 'refused: bad-signature'));
    expect((await get('carol', `/${approval}`)).body).toMatchObject({ state: 'pending', votes: [] });
    const signature = signedBy('carol', right);
    // With a token there is no certificate that the signature could be held against.
    const token = await stack.secrets.signer.sign({ email: 'carol@example.com', seconds: 60 });
    const byToken = { method: 'POST', body: { ...approve, signature }, token, certificate: false };
    expect((await ask(stack.api('carol'), `${base}/${approval}/decision`, byToken)).status).toBe(403);
    expect((await decide('carol', approval, { ...deny })).body).toMatchObject({ state: 'denied' });
  });
});

describe('taking back', () => {
  const end = (who: Person, id: string, what: string): Promise<HttpAnswer> =>
    ask(stack.api(who), `${base}/${id}/${what}`, { method: 'POST', body: { reason: 'thought better of it' } });

  test('one’s own request is for its requester; for others it is not there', async () => {
    const id = requestIn(await reboot(stack.as('alice'), { node: cp }));
    expect((await end('carol', id, 'cancel')).status).toBe(404);
    expect((await end('alice', id, 'cancel')).body).toMatchObject({
      state: 'cancelled',
      endedBy: 'alice@example.com',
      endReason: 'thought better of it',
    });
    expect((await end('alice', id, 'cancel')).status).toBe(409);
  });

  test('a grant is for who may decide, and ends its use', async () => {
    const id = requestIn(await reboot(stack.as('alice'), { node: cp }));
    expect((await end('carol', id, 'withdraw')).body).toMatchObject({ status: 409 });
    expect((await decide('carol', id, approve)).body).toMatchObject({ state: 'approved' });
    expect((await end('carol', id, 'revoke')).body).toMatchObject({ status: 409 });
    expect((await end('alice', id, 'withdraw')).status).toBe(403);
    expect((await end('carol', id, 'withdraw')).body).toMatchObject({
      state: 'withdrawn',
      endedBy: 'carol@example.com',
    });
    expect(requestIn(await reboot(stack.as('alice'), { node: cp }))).not.toBe(id);
  });
});

describe('the page that links lead to', () => {
  test('is the same for every id, needs no credential, and cannot run or fetch anything', async () => {
    const pageOf = (id: string): Promise<HttpAnswer> =>
      ask(stack.api('alice'), `/approvals/${id}`, { certificate: false });
    const page = await pageOf('dbg-7k3f9');
    expect(page).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } });
    expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'unsafe-inline'/);
    expect(page.text).toContain('talosgate approvals show dbg-7k3f9');
    expect(page.text).not.toMatch(/<script|<form|<img|<a |https?:/);
    const existing = requestIn(await reboot(stack.as('alice'), { node: cp }));
    expect((await pageOf(existing)).text.replaceAll(existing, 'X')).toBe(page.text.replaceAll('dbg-7k3f9', 'X'));
    for (const id of ['x', '%3Cscript%3E', 'dbg-7k3f9%0a', '..%2f']) expect((await pageOf(id)).status).toBe(400);
  });
});
