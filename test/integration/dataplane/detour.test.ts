// Nodes that the gateway cannot dial, reached through control-plane nodes.
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Endpoint, Target } from '../../../src/core/target.ts';
import { upstreamHeaders } from '../../../src/upstream/metadata.ts';
import type { H2Node } from '../../support/h2-node.ts';
import { channelsFor, createPki, eventually, type Pki, startBridge, startNode, targetOf } from './fixture.ts';

let pki: Pki;
const opened: { close(): Promise<unknown> }[] = [];

beforeAll(async () => {
  pki = await createPki();
});
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

async function controlPlane(port = 0): Promise<H2Node> {
  const node = await startNode(
    pki,
    ({ stream }) => {
      stream.resume();
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true });
    },
    port,
  );
  opened.push({ close: () => node.kill() });
  return node;
}

const endpointAt = (port: number, node: string, identities = ['node-1']): Endpoint => targetOf(port, node, identities);

/** A worker whose own address leads nowhere. */
function workerBehind(endpoints: readonly Endpoint[], node = 'worker-1'): Target {
  return { ...targetOf(1, node, ['10.0.0.9', node]), detour: { as: '10.0.0.9', endpoints } };
}

const valuesOf = (node: H2Node, name: string): string[][] =>
  node.calls.map(({ headers }) => headers.filter((_, at) => at % 2 === 1 && headers[at - 1] === name));

describe('a call to a node behind the control plane', () => {
  it('names it in node, once, and has the metadata of any other call', async () => {
    const cp = await controlPlane();
    const bridge = await startBridge(pki, workerBehind([endpointAt(cp.port, 'cp-1')]));
    opened.push(bridge);
    const client = await bridge.client();
    opened.push(client);
    expect((await client.unary('/t/unary', Buffer.alloc(0), [['node', 'elsewhere']])).code).toBe(0);
    expect(valuesOf(cp, 'node')).toEqual([['10.0.0.9']]);
    expect(valuesOf(cp, 'nodes')).toEqual([[]]);
    expect(valuesOf(cp, 'talos-role')).toEqual([['os:reader']]);
  });

  it('shares the connection with calls to the control-plane node itself, which name nobody', async () => {
    const cp = await controlPlane();
    const channels = channelsFor(pki);
    opened.push(channels);
    const own = await channels.acquire(endpointAt(cp.port, 'cp-1') as Target);
    const worker = await channels.acquire(workerBehind([endpointAt(cp.port, 'cp-1')]));
    expect(worker.connection).toBe(own.connection);
    expect(worker.node).toBe('worker-1');
    const headers = upstreamHeaders({ path: '/t/unary', authority: 'x', callId: 'c', roles: ['os:reader'] });
    for (const channel of [own, worker]) channel.open(headers, () => undefined).end();
    await eventually(() => cp.calls.length === 2);
    expect(valuesOf(cp, 'node')).toEqual([[], ['10.0.0.9']]);
    expect(cp.connections).toBe(1);
  });

  it("trusts a control-plane node by that node's own identity", async () => {
    const cp = await controlPlane();
    const channels = channelsFor(pki);
    opened.push(channels);
    // The certificate of what answers carries none of the names of the control-plane node that was meant.
    const wrong = workerBehind([endpointAt(cp.port, 'cp-9', ['cp-9'])]);
    await expect(channels.acquire(wrong)).rejects.toMatchObject({
      code: 'upstream-unavailable',
      message: expect.stringMatching(/no control-plane node of lab answers .*ERR_TLS_CERT_ALTNAME_INVALID/) as string,
    });
    // Nor may it stand in for the worker.
    const worker = { ...workerBehind([endpointAt(cp.port, 'cp-1', ['10.0.0.9'])]) };
    await expect(channels.acquire(worker)).rejects.toMatchObject({ code: 'upstream-unavailable' });
    expect(cp.calls).toEqual([]);
  });

  it('takes any control-plane node that answers, and another one when that goes', async () => {
    const [first, second] = [await controlPlane(), await controlPlane()];
    const channels = channelsFor(pki);
    opened.push(channels);
    const endpoints = [endpointAt(1, 'cp-0'), endpointAt(first.port, 'cp-1'), endpointAt(second.port, 'cp-2')];
    const target = workerBehind(endpoints);
    await channels.acquire(target);
    await eventually(() => first.connections === 1 && second.connections === 1);
    const goes = endpointAt(first.port, 'cp-1') as Target;
    await first.kill();
    await eventually(() => channels.peek(goes) === undefined);
    const channel = await channels.acquire(target);
    const headers = upstreamHeaders({ path: '/t/unary', authority: 'x', callId: 'c', roles: ['os:reader'] });
    channel.open(headers, () => undefined).end();
    await eventually(() => second.calls.length === 1);
  });

  it('keeps to one way for one node, and takes several for several', async () => {
    const nodes = await Promise.all([controlPlane(), controlPlane()]);
    const channels = channelsFor(pki);
    opened.push(channels);
    const endpoints = nodes.map(({ port }, at) => endpointAt(port, `cp-${at}`));
    await Promise.all(endpoints.map(endpoint => channels.acquire(endpoint as Target)));
    const ways = ['worker-1', 'worker-2'].map(name => {
      const target = workerBehind(endpoints, name);
      const [one, again] = [channels.peek(target), channels.peek(target)];
      expect(one?.connection).toBe(again?.connection);
      return one?.connection;
    });
    expect(new Set(ways).size).toBe(2);
  });

  it('is UNAVAILABLE soon when no control-plane node answers, and stops with its caller', async () => {
    const channels = channelsFor(pki);
    opened.push(channels);
    const target = workerBehind([endpointAt(1, 'cp-1'), endpointAt(2, 'cp-2')]);
    await expect(channels.acquire(target)).rejects.toMatchObject({ code: 'upstream-unavailable' });
    expect(channels.peek(target)).toBeUndefined();
    const gone = AbortSignal.abort();
    const alive = await controlPlane();
    await expect(channels.acquire(workerBehind([endpointAt(alive.port, 'cp-1')]), gone)).rejects.toMatchObject({
      code: 'cancelled',
    });
  });
});
