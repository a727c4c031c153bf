// "Long calls end when their credential expires or is withdrawn."
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Answer, DemoClient } from '../../src/cli/demo/check-client.ts';
import { WatchRequestSchema, WatchResponseSchema } from '../../src/gen/cosi/resource/state_pb.js';
import type { AuditWatch } from '../support/audit-watch.ts';
import { cp, followLogs, paths, version, worker, worker2 } from '../support/calls.ts';
import { DebugSession, debugSpec, pullImage } from '../support/debug-session.ts';
import { vote } from '../support/http.ts';
import { expectStatus } from '../support/refusal.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
let watch: AuditWatch;
beforeAll(async () => {
  stack = await startStack({
    config: raw => {
      const identity = raw['identity'] as { jwt: { clock_tolerance?: string }[] };
      for (const issuer of identity.jwt) issuer.clock_tolerance = '0s';
    },
  });
  watch = await stack.watch();
});
afterAll(() => stack.close());
beforeEach(async () => {
  await watch.moveOn();
  stack.clearCalls();
});

const openOnNodes = (): number => Object.values(stack.nodes).reduce((sum, node) => sum + node.control.openStreams(), 0);

function watchMembers(client: DemoClient): Promise<Answer<unknown>> {
  const request = { namespace: 'cluster', type: 'Members.cluster.talos.dev', options: {}, apiVersion: 1 };
  return client.serverStream(
    '/cosi.resource.State/Watch',
    { node: cp },
    WatchRequestSchema,
    request,
    WatchResponseSchema,
    () => false,
  );
}

/** Starts three long reads as somebody; resolves when they are open on the nodes. */
async function startReads(client: DemoClient): Promise<Promise<Answer<unknown>>[]> {
  const calls = [followLogs(client), followLogs(client, { nodes: [cp, worker2] }), watchMembers(client)];
  await until(
    () => openOnNodes() === 4,
    () => `4 streams, there are ${openOnNodes()}`,
  );
  return calls;
}

async function assertEnded(calls: readonly Promise<Answer<unknown>>[], message: RegExp): Promise<void> {
  for (const answer of await Promise.all(calls)) expectStatus(answer, 'UNAUTHENTICATED', message);
  await until(() => openOnNodes() === 0);
  for (const node of Object.values(stack.nodes)) {
    for (const call of node.control.calls()) {
      if (call.path !== paths.version) expect(call.ended).toEqual({ kind: 'cancelled' });
    }
  }
}

function serialOf(email: string): string {
  return new X509Certificate(stack.secrets.pki.users.get(email)?.certificate ?? '').serialNumber;
}

describe('a running call', () => {
  test('ends when the certificate is put on the revocation list', async () => {
    const calls = await startReads(stack.as('alice'));
    const revokedAt = performance.now();
    await stack.revoke(serialOf('alice@example.com'));
    await assertEnded(calls, /certificate is revoked/);
    expect(performance.now() - revokedAt).toBeLessThan(4_000);
    const kinds = ['call.intent', 'call.intent', 'call.intent', 'call.intent'] as const;
    const ends = ['call.outcome', 'call.outcome', 'call.outcome', 'call.outcome'] as const;
    const records = await watch.kinds(...kinds, ...ends);
    for (const record of records.filter(({ kind }) => kind === 'call.outcome')) {
      expect(record).toMatchObject({ endCause: 'gateway', grpcCode: 16, principal: 'alice@example.com' });
    }
    const withdrawn = (await watch.records()).find(({ kind }) => kind === 'auth.withdrawn');
    expect(withdrawn).toMatchObject({ principal: 'alice@example.com', details: { calls: '3' } });
    expectStatus(await version(stack.as('alice')), 'UNAUTHENTICATED', /certificate is revoked/);
  });

  test('ends when the token runs out, and others go on', async () => {
    const token = await stack.secrets.signer.sign({ email: 'alice@example.com', seconds: 3 });
    const client = stack.client({ ca: Buffer.from(stack.secrets.pki.clientCa.certificate), token });
    const others = followLogs(stack.as('alice-jwt'), { node: worker }, replies => replies.length > 100);
    await until(() => openOnNodes() === 1);
    const calls = [followLogs(client), followLogs(client, { nodes: [cp, worker2] })];
    await until(() => openOnNodes() === 4);
    for (const answer of await Promise.all(calls)) expectStatus(answer, 'UNAUTHENTICATED', /has expired/);
    await until(() => openOnNodes() === 1);
    expectStatus(await version(client), 'UNAUTHENTICATED', /token has expired/);
    expect((await version(stack.as('alice-jwt'))).code).toBe(0);
    expect((await others).code).toBe(0);
  });
});

describe('a debug container', () => {
  test('that waits for approval or runs ends with the certificate of its caller', async () => {
    const bob = stack.as('bob');
    const image = await pullImage(bob);
    const running = new DebugSession(bob, debugSpec(image));
    expect(await vote(stack.api('carol'), await running.raise())).toBe('approved');
    await running.shows('# ');
    const waiting = new DebugSession(bob, debugSpec(image, { env: { A: 'b' } }));
    const id = await waiting.raise();
    expect(openOnNodes()).toBe(1);

    await stack.revoke(`${serialOf('bob@example.com')} # left the company`);
    expect(await running.ends()).toBe(16);
    await waiting.ends();
    expectStatus({ code: waiting.status, message: waiting.message }, 'UNAUTHENTICATED', /certificate is revoked/);
    await until(() => openOnNodes() === 0);
    expect(stack.seen().filter(call => call.path === paths.containerRun)).toHaveLength(1);
    const denied = (await watch.records()).find(record => record.kind === 'call.deny');
    expect(denied).toMatchObject({
      reason: 'unauthenticated',
      grpcCode: 16,
      principal: 'bob@example.com',
      node: worker,
    });
    // Nobody can open the door for somebody who has left.
    await until(async () => (await watch.records()).some(record => record.kind === 'approval.ended'));
    expect(await vote(stack.api('carol'), id)).toMatch(/cancelled; there is nothing left to decide/);
  });
});
