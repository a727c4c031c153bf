import { constants } from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { Target } from '../../../src/core/target.ts';
import { type Channels, createChannels } from '../../../src/upstream/connections.ts';
import { upstreamHeaders } from '../../../src/upstream/metadata.ts';
import type { ChannelEvent } from '../../../src/upstream/node-pool.ts';
import { startH2Node } from '../../support/h2-node.ts';
import { createTestPki } from '../../support/pki.ts';
import { channelsFor, createPki, eventually, type Pki, startBridge, startNode, targetOf } from './fixture.ts';

let pki: Pki;
const opened: { close(): Promise<unknown> }[] = [];

beforeAll(async () => {
  pki = await createPki();
});
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

async function nodeThatAnswers(port = 0): Promise<Awaited<ReturnType<typeof startNode>>> {
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

function channels(onEvent?: (event: ChannelEvent) => void): Channels {
  const made = channelsFor(pki, { onEvent });
  opened.push(made);
  return made;
}

/** Accepts TCP connections and says nothing. */
async function silentHost(): Promise<{ port: number; open(): number }> {
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket.resume());
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  opened.push({
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise(resolve => server.close(resolve));
    },
  });
  return { port: (server.address() as AddressInfo).port, open: () => sockets.size };
}

/** A wire to a port that can be made to carry nothing any more, without a reset. */
async function wireTo(port: number): Promise<{ port: number; freeze(): void }> {
  let frozen = false;
  const sockets = new Set<Socket>();
  const server = createServer(near => {
    sockets.add(near);
    near.on('error', () => undefined);
    if (frozen) return;
    const far = connect(port, '127.0.0.1');
    sockets.add(far);
    far.on('error', () => undefined);
    near.on('data', (chunk: Buffer) => frozen || far.write(chunk));
    far.on('data', (chunk: Buffer) => frozen || near.write(chunk));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  opened.push({
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise(resolve => server.close(resolve));
    },
  });
  return {
    port: (server.address() as AddressInfo).port,
    freeze: () => {
      frozen = true;
    },
  };
}

async function failure(attempt: Promise<unknown>): Promise<{ code: string; message: string; tookMs: number }> {
  const started = Date.now();
  return await attempt.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: unknown) => {
      const { code, message } = error as { code: string; message: string };
      return { code, message, tookMs: Date.now() - started };
    },
  );
}

const headers = upstreamHeaders({ path: '/t/unary', authority: 'node-1', callId: 'c', roles: ['os:reader'] });

describe('createChannels', () => {
  it('keeps one connection for all calls to a node, whatever the caller called it', async () => {
    const node = await nodeThatAnswers();
    const made = channels();
    const target = targetOf(node.port);
    const [first, second] = await Promise.all([made.acquire(target), made.acquire({ ...target, asked: '10.0.0.1' })]);
    expect(first).toBe(second);
    expect(made.peek({ ...target, asked: 'other' })).toBe(first);
    expect(node.connections).toBe(1);
  });

  it.each([
    ['a name of the certificate', ['node-1']],
    ['an address of the certificate', ['10.0.0.1']],
    ['any one of several', ['other', '10.0.0.1']],
  ])('accepts a node by %s though another address was dialled', async (_what, identities) => {
    const node = await nodeThatAnswers();
    await expect(channels().acquire(targetOf(node.port, 'node-1', identities))).resolves.toBeDefined();
  });

  it.each([
    ['names somebody else', ['node-2']],
    ['names only the dialled address, which is none of its identities', ['10.0.0.77']],
    ['is expected to have no name at all', []],
  ])('refuses a node whose certificate %s', async (_what, identities) => {
    const node = await nodeThatAnswers();
    const { code, message } = await failure(channels().acquire(targetOf(node.port, 'node-1', identities)));
    expect(code).toBe('upstream-unavailable');
    expect(message).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(node.calls).toEqual([]);
  });

  it('refuses a node whose certificate comes from another authority', async () => {
    const other = await createTestPki('ed25519', 'other');
    const certificate = await other.issue({ commonName: 'node-1', usages: ['server'], dns: ['node-1'] });
    const node = await startH2Node(certificate, () => undefined);
    opened.push({ close: () => node.kill() });
    expect((await failure(channels().acquire(targetOf(node.port)))).code).toBe('upstream-unavailable');
  });

  it('refuses a client certificate in place of a server certificate', async () => {
    const certificate = await pki.nodes.issue({ commonName: 'node-1', usages: ['client'], dns: ['node-1'] });
    const node = await startH2Node(certificate, () => undefined);
    opened.push({ close: () => node.kill() });
    expect((await failure(channels().acquire(targetOf(node.port)))).code).toBe('upstream-unavailable');
  });

  it('loads a key under the label that Talos writes', async () => {
    const node = await nodeThatAnswers();
    const key = pki.gateway.key.replaceAll('PRIVATE KEY', 'ED25519 PRIVATE KEY');
    expect(key).not.toBe(pki.gateway.key);
    const clusters = [{ cluster: 'lab', ca: pki.nodes.ca, certificate: pki.gateway.certificate, key }];
    const made = createChannels({ clusters, clock: systemClock });
    opened.push(made);
    await expect(made.acquire(targetOf(node.port))).resolves.toBeDefined();
  });

  it('refuses a CA bundle without a certificate instead of trusting the public authorities', () => {
    const clusters = [{ cluster: 'lab', ca: '\n', certificate: pki.gateway.certificate, key: pki.gateway.key }];
    expect(() => createChannels({ clusters, clock: systemClock })).toThrow(/holds no certificate/);
  });

  it('refuses a cluster it has no credentials for', async () => {
    const target: Target = { ...targetOf(1), cluster: 'elsewhere' };
    expect((await failure(channels().acquire(target))).code).toBe('unknown-target');
  });

  it('says quickly that nobody listens, and at once when asked again within the pause', async () => {
    const made = channels();
    const target = targetOf(1);
    const first = await failure(made.acquire(target));
    expect(first.code).toBe('upstream-unavailable');
    expect(first.message).toContain('ECONNREFUSED');
    expect(first.tookMs).toBeLessThan(900);
    expect((await failure(made.acquire(target))).tookMs).toBeLessThan(50);
  });

  it('lets nobody wait much longer than three seconds for a host that does not answer', async () => {
    const host = await silentHost();
    const { code, tookMs } = await failure(channels().acquire(targetOf(host.port)));
    expect(code).toBe('upstream-unavailable');
    expect(tookMs).toBeGreaterThan(2500);
    expect(tookMs).toBeLessThan(4500);
    // The attempt itself may take a second more, then it lets go of its socket.
    expect(host.open()).toBe(1);
    await eventually(() => host.open() === 0);
  });

  it('stops waiting when the caller goes away', async () => {
    const { port } = await silentHost();
    const { code, tookMs } = await failure(channels().acquire(targetOf(port), AbortSignal.timeout(100)));
    expect(code).toBe('cancelled');
    expect(tookMs).toBeLessThan(600);
  });

  it('reaches a node again within two seconds of its coming back', async () => {
    const node = await nodeThatAnswers();
    const made = channels();
    const target = targetOf(node.port);
    const { port } = node;
    await made.acquire(target);
    await node.kill();
    await eventually(() => made.peek(target) === undefined);
    expect((await failure(made.acquire(target))).code).toBe('upstream-unavailable');
    await nodeThatAnswers(port);
    const started = Date.now();
    let again;
    while (again === undefined && Date.now() - started < 2000) {
      again = await made.acquire(target).catch(() => undefined);
      await new Promise(resolve => setTimeout(resolve, 50));
    }
    expect(again).toBeDefined();
  });

  it('sends new calls elsewhere after GOAWAY and lets the running one end', async () => {
    const node = await startNode(pki, ({ stream, path }) => {
      stream.resume();
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => {
        stream.sendTrailers({ 'grpc-status': '0' });
      });
      if (path === '/t/slow') setTimeout(() => stream.end(), 300);
      else stream.end();
    });
    opened.push({ close: () => node.kill() });
    const bridge = await startBridge(pki, targetOf(node.port));
    opened.push(bridge);
    const client = await bridge.client();
    opened.push(client);
    const slow = client.unary('/t/slow');
    await eventually(() => node.calls.length === 1);
    for (const session of node.sessions) session.goaway(constants.NGHTTP2_NO_ERROR);
    await eventually(() => bridge.channels.peek(targetOf(node.port)) === undefined);
    expect((await client.unary('/t/unary')).code).toBe(0);
    expect(node.connections).toBe(2);
    expect((await slow).code).toBe(0);
  });

  it('opens another connection when a node limits the streams of one', async () => {
    const node = await startH2Node({ ...pki.node, clientCa: pki.nodes.ca, maxConcurrentStreams: 2 }, ({ stream }) =>
      stream.resume(),
    );
    opened.push({ close: () => node.kill() });
    const made = channels();
    const target = targetOf(node.port);
    for (let i = 0; i < 5; i++) {
      const channel = await made.acquire(target);
      channel.open(headers, () => undefined).on('error', () => undefined);
    }
    expect(node.connections).toBe(3);
    await eventually(() => node.calls.length === 5);
  });

  it('uses new credentials for new calls and lets old ones end', async () => {
    const events: string[] = [];
    const node = await nodeThatAnswers();
    const made = channels(event => events.push(event.kind));
    const target = targetOf(node.port);
    const before = await made.acquire(target);
    const { certificate, key } = pki.gateway;
    made.setClusters([{ cluster: 'lab', ca: pki.nodes.ca, certificate, key }]);
    expect(made.peek(target)).toBeUndefined();
    expect(await made.acquire(target)).not.toBe(before);
    await eventually(() => events.includes('disconnected'));
    expect(events.sort()).toEqual(['connected', 'connected', 'disconnected']);
  });

  it('keeps the old credentials when the new ones cannot be loaded', async () => {
    const node = await nodeThatAnswers();
    const made = channels();
    const broken = { cluster: 'lab', ca: pki.nodes.ca, certificate: 'nonsense', key: 'nonsense' };
    expect(() => {
      made.setClusters([broken]);
    }).toThrow(/cannot be loaded/);
    await expect(made.acquire(targetOf(node.port))).resolves.toBeDefined();
  });

  it('ends calls with UNAVAILABLE within a few seconds when a node falls silent', async () => {
    const node = await startNode(pki, ({ stream }) => stream.resume());
    opened.push({ close: () => node.kill() });
    const wire = await wireTo(node.port);
    const bridge = await startBridge(pki, targetOf(wire.port));
    opened.push(bridge);
    const client = await bridge.client();
    opened.push(client);
    await bridge.channels.acquire(targetOf(wire.port));
    wire.freeze();
    const started = Date.now();
    const reply = await client.unary('/t/unary');
    expect(reply.code).toBe(14);
    expect(Date.now() - started).toBeLessThan(7500);
  });

  it('leaves a call alone that only takes its time', async () => {
    const node = await startNode(pki, ({ stream }) => {
      stream.resume();
      setTimeout(() => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true });
      }, 4500);
    });
    opened.push({ close: () => node.kill() });
    const bridge = await startBridge(pki, targetOf(node.port));
    opened.push(bridge);
    const client = await bridge.client();
    opened.push(client);
    expect((await client.unary('/t/unary')).code).toBe(0);
    // One for the call, one to see that the node is there.
    expect(node.connections).toBe(2);
  });

  it('close waits for running calls as long as it is told, then cuts them', async () => {
    const node = await startNode(pki, ({ stream }) => stream.resume());
    opened.push({ close: () => node.kill() });
    const made = channels();
    const stream = (await made.acquire(targetOf(node.port))).open(headers, () => undefined);
    stream.on('error', () => undefined);
    await eventually(() => node.calls.length === 1);
    const started = Date.now();
    await made.close(200);
    expect(Date.now() - started).toBeGreaterThanOrEqual(190);
    expect(stream.destroyed).toBe(true);
    expect((await failure(made.acquire(targetOf(node.port)))).code).toBe('draining');
  });
});
