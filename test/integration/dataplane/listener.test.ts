import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import {
  type IncomingCall,
  type Listener,
  type ListenerEvent,
  type ListenerOptions,
  startListener,
} from '../../../src/gateway/listener.ts';
import { refuse } from '../../../src/gateway/respond.ts';
import { connectH2, type H2Client } from '../../support/h2-client.ts';
import {
  connectRaw,
  frame,
  frameFlags,
  frameTypes,
  grpcHead,
  headerBlock,
  type RawH2,
  uint32,
} from '../../support/h2-frames.ts';
import { createTestPki } from '../../support/pki.ts';
import { createPki, eventually, type Pki } from './fixture.ts';

let pki: Pki;
const opened: { close(): Promise<unknown> }[] = [];

beforeAll(async () => {
  pki = await createPki();
});
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

interface Door {
  readonly listener: Listener;
  readonly calls: IncomingCall[];
  readonly events: ListenerEvent[];
}

/** A door that answers every call with OK unless told otherwise. */
async function openDoor(options: Partial<ListenerOptions> = {}): Promise<Door> {
  const calls: IncomingCall[] = [];
  const events: ListenerEvent[] = [];
  const listener = await startListener({
    address: '127.0.0.1:0',
    tls: { ...pki.door, clientCa: pki.clients.ca },
    clock: systemClock,
    onCall: call => {
      calls.push(call);
      refuse(call.stream, { code: 0, message: '' });
    },
    onEvent: event => events.push(event),
    ...options,
  });
  opened.push(listener);
  return { listener, calls, events };
}

async function client(door: Door, keys: { certificate?: string; key?: string } = pki.alice): Promise<H2Client> {
  const made = await connectH2({ port: door.listener.port, ca: pki.clients.ca, ...keys });
  opened.push(made);
  return made;
}

async function raw(door: Door): Promise<RawH2> {
  const made = await connectRaw(door.listener.port, pki.clients.ca);
  opened.push(made);
  return made;
}

describe('peer', () => {
  it('carries the certificate and says verified for one of the configured authority', async () => {
    const door = await openDoor();
    await (await client(door)).unary('/t/unary');
    const peer = door.calls[0]?.peer;
    expect(peer).toMatchObject({ chainVerified: true, chainError: undefined, address: '127.0.0.1' });
    expect(peer?.certificate?.length).toBeGreaterThan(100);
  });

  it('carries the certificate and says unverified for one of another authority', async () => {
    const door = await openDoor();
    const other = await createTestPki('p256', 'other');
    await (await client(door, await other.issue({ commonName: 'alice' }))).unary('/t/unary');
    expect(door.calls[0]?.peer).toMatchObject({ chainVerified: false, chainError: expect.any(String) as string });
    expect(door.calls[0]?.peer.certificate).toBeDefined();
  });

  it('says unverified without a certificate', async () => {
    const door = await openDoor();
    await (await client(door, {})).unary('/t/unary');
    expect(door.calls[0]?.peer).toMatchObject({ chainVerified: false, certificate: undefined, chainError: undefined });
  });

  it('says unverified for any certificate when no authority is configured', async () => {
    const door = await openDoor({ tls: { ...pki.door, clientCa: undefined } });
    await (await client(door)).unary('/t/unary');
    expect(door.calls[0]?.peer).toMatchObject({ chainVerified: false, certificate: undefined });
  });

  it('is one object for all calls of a connection, and another for another connection', async () => {
    const door = await openDoor();
    const first = await client(door);
    await first.unary('/t/unary');
    await first.unary('/t/unary');
    await (await client(door)).unary('/t/unary');
    const [one, two, three] = door.calls.map(call => call.connection);
    expect(one).toBe(two);
    expect(three).not.toBe(one);
  });
});

describe('TLS session resumption', () => {
  it.each([
    ['TLSv1.2', true],
    ['TLSv1.2', false],
    ['TLSv1.3', true],
    ['TLSv1.3', false],
  ] as const)('is impossible with %s, certificate presented: %s', async (version, withCertificate) => {
    const door = await openDoor();
    const tickets: Buffer[] = [];
    const handshake = async (session?: Buffer): Promise<TLSSocket> => {
      const socket = connectTls({
        host: '127.0.0.1',
        port: door.listener.port,
        ca: pki.clients.ca,
        ...(withCertificate ? { cert: pki.alice.certificate, key: pki.alice.key } : {}),
        ...(session === undefined ? {} : { session }),
        maxVersion: version,
        minVersion: version,
        ALPNProtocols: ['h2'],
      });
      socket.on('session', ticket => tickets.push(ticket));
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.once('secureConnect', resolve);
      });
      // A TLS 1.3 ticket comes after the handshake.
      await new Promise(resolve => setTimeout(resolve, 100));
      return socket;
    };
    const first = await handshake();
    const kept = first.getSession();
    first.destroy();
    for (const session of [kept, ...tickets]) {
      if (session === undefined) continue;
      const second = await handshake(session);
      expect(second.isSessionReused()).toBe(false);
      second.destroy();
    }
  });

  it('never makes a verified peer of a client that left its certificate out the second time', async () => {
    const door = await openDoor();
    const first = await client(door);
    await first.unary('/t/unary');
    const session = first.socket.getSession();
    await first.close();
    const second = await connectH2({ port: door.listener.port, ca: pki.clients.ca, tlsSession: session });
    opened.push(second);
    await second.unary('/t/unary');
    expect(door.calls.map(call => call.peer.chainVerified)).toEqual([true, false]);
  });
});

describe('what is let in', () => {
  it('refuses TLS below 1.2', async () => {
    const door = await openDoor();
    const { port } = door.listener;
    const attempt = new Promise((resolve, reject) => {
      const socket = connectTls({
        host: '127.0.0.1',
        port,
        ca: pki.clients.ca,
        maxVersion: 'TLSv1.1',
        minVersion: 'TLSv1',
      });
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    await expect(attempt).rejects.toThrow();
  });

  it('does not speak HTTP/1.1', async () => {
    const door = await openDoor();
    const { port } = door.listener;
    const answer = await new Promise<string>(resolve => {
      let text = '';
      const socket = connectTls({ host: '127.0.0.1', port, ca: pki.clients.ca }, () => {
        socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
      });
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        resolve(text);
      });
    });
    expect(answer).not.toContain('200 OK');
    expect(door.calls).toEqual([]);
  });

  it.each([
    [405, [[':method', 'GET']]],
    [415, [['content-type', 'application/json']]],
    [415, [['content-type', 'application/grpc-web']]],
    [415, [['content-type', 'application/grpcx']]],
  ] as const)('answers %d to a request that is not gRPC: %s', async (status, fields) => {
    const door = await openDoor();
    const call = (await client(door)).start('/t/unary', fields);
    call.stream.end();
    expect((await call.reply).httpStatus).toBe(status);
    expect(door.calls).toEqual([]);
    expect(door.events.find(event => event.kind === 'not-grpc')).toMatchObject({ status });
  });

  it.each(['application/grpc', 'application/grpc+proto'])('takes content type %s', async type => {
    const door = await openDoor();
    const reply = await (await client(door)).unary('/t/unary', Buffer.alloc(0), [['content-type', type]]);
    expect(reply.code).toBe(0);
  });

  it('shows repeated header fields to the handler as a refusal', async () => {
    const door = await openDoor();
    await (await client(door)).unary('/t/unary', Buffer.alloc(0), [
      ['authorization', 'Bearer a'],
      ['authorization', 'Bearer b'],
    ]);
    expect(door.calls[0]?.head).toMatchObject({ ok: false, path: '/t/unary', error: { code: 'bad-request' } });
  });
});

describe('limits', () => {
  /** Headers of a stream that stays open. */
  const openStream = (id: number, more: readonly (readonly [string, string])[] = []): Buffer =>
    frame(frameTypes.headers, frameFlags.endHeaders, id, grpcHead('/t/unary', more));

  it('closes a connection that opens and resets streams without end', async () => {
    const door = await openDoor({ limits: { resetBurst: 50, resetsPerSecond: 1 } });
    const peer = await raw(door);
    for (let id = 1; id < 400 && !peer.closed; id += 2) {
      peer.send(openStream(id), frame(frameTypes.rstStream, 0, id, uint32(8)));
      await new Promise(resolve => setImmediate(resolve));
    }
    await eventually(() => peer.closed);
    expect(door.calls.length).toBeLessThan(100);
  });

  it('serves no request with more header fields than allowed', async () => {
    const door = await openDoor({ limits: { maxHeaderFields: 40 } });
    const peer = await raw(door);
    peer.send(
      openStream(
        1,
        Array.from({ length: 60 }, (_, i) => [`x-${i}`, 'v'] as const),
      ),
    );
    await eventually(() => peer.find(frameTypes.rstStream) !== undefined || peer.closed);
    expect(door.calls).toEqual([]);
  });

  it('serves no request with larger headers than allowed', async () => {
    const door = await openDoor();
    const peer = await raw(door);
    const large = Array.from({ length: 6 }, (_, i) => [`x-${i}`, 'v'.repeat(16_000)] as const);
    const block = grpcHead('/t/unary', large);
    peer.send(
      frame(frameTypes.headers, 0, 1, block.subarray(0, 16_384)),
      ...[1, 2, 3, 4, 5].map(i => {
        const part = block.subarray(i * 16_384, (i + 1) * 16_384);
        return frame(frameTypes.continuation, (i + 1) * 16_384 >= block.length ? frameFlags.endHeaders : 0, 1, part);
      }),
    );
    // By hand and without acknowledging the settings: Node would let it pass.
    await eventually(() => door.events.some(event => event.kind === 'not-grpc' && event.status === 431));
    expect(door.calls).toEqual([]);
  });

  it('closes a connection that sends continuation frames without end', async () => {
    const door = await openDoor();
    const peer = await raw(door);
    peer.send(frame(frameTypes.headers, 0, 1, grpcHead('/t/unary')));
    for (let i = 0; i < 500 && !peer.closed; i++) {
      peer.send(frame(frameTypes.continuation, 0, 1, headerBlock([[`x-${i}`, 'v'.repeat(1000)]])));
      await new Promise(resolve => setImmediate(resolve));
    }
    await eventually(() => peer.closed);
    expect(door.calls).toEqual([]);
  });

  it('closes a connection that asks for acknowledgements and reads none', async () => {
    const door = await openDoor();
    const peer = await raw(door);
    await eventually(() => peer.find(frameTypes.settings) !== undefined);
    peer.socket.pause();
    const pings = Buffer.concat(Array.from({ length: 2000 }, () => frame(frameTypes.ping, 0, 0, Buffer.alloc(8))));
    for (let i = 0; i < 400 && !peer.socket.destroyed; i++) {
      peer.send(pings);
      await new Promise(resolve => setTimeout(resolve, 2));
    }
    peer.socket.resume();
    await eventually(() => door.events.some(event => event.kind === 'disconnected'));
  });

  it('closes a connection after so many invalid frames', async () => {
    const door = await openDoor({ limits: { maxInvalidFrames: 20 } });
    const peer = await raw(door);
    await eventually(() => peer.find(frameTypes.settings) !== undefined);
    for (let i = 0; i < 200 && !peer.closed; i++) {
      // A header block that lacks :path is malformed, but only its stream's fault.
      peer.send(frame(frameTypes.headers, frameFlags.endHeaders, 1 + 2 * i, headerBlock([[':method', 'POST']])));
      await new Promise(resolve => setImmediate(resolve));
    }
    await eventually(() => peer.closed);
  });

  it('lets nobody open more streams than allowed', async () => {
    const calls: IncomingCall[] = [];
    const door = await openDoor({ limits: { maxConcurrentStreams: 10 }, onCall: call => calls.push(call) });
    const peer = await raw(door);
    for (let id = 1; id < 60; id += 2) peer.send(openStream(id));
    await new Promise(resolve => setTimeout(resolve, 200));
    expect(calls.length).toBeLessThanOrEqual(10);
  });

  it('gives strangers no more room for request bytes than the small window', async () => {
    const door = await openDoor({ onCall: () => undefined });
    const made = await client(door, {});
    const call = made.start('/t/client-streaming');
    for (let i = 0; i < 64; i++) call.stream.write(Buffer.alloc(16 * 1024));
    await new Promise(resolve => setTimeout(resolve, 200));
    // What the peer could not send is still with the peer.
    expect(call.stream.state.localWindowSize).toBeDefined();
    expect(made.session.remoteSettings.initialWindowSize).toBe(65_535);
    expect(call.stream.writableLength).toBeGreaterThan(900 * 1024);
    expect(made.session.state.remoteWindowSize).toBeLessThanOrEqual(65_535);
  });

  it('widens the window once the caller has been let in', async () => {
    const bodies: Promise<Buffer>[] = [];
    const door = await openDoor({ onCall: call => bodies.push(call.openBody('client-streaming').readFirst()) });
    const made = await client(door);
    const call = made.start('/t/client-streaming');
    call.send(Buffer.alloc(1024 * 1024));
    await eventually(() => made.session.remoteSettings.initialWindowSize === 2 * 1024 * 1024);
    expect((await bodies[0])?.length).toBe(1024 * 1024);
    expect(made.session.state.remoteWindowSize).toBeGreaterThan(8 * 1024 * 1024);
  });

  it('drops connections over the cap and says so', async () => {
    const door = await openDoor({ limits: { maxConnections: 2 } });
    await client(door);
    await client(door);
    await expect(client(door)).rejects.toThrow();
    await eventually(() => door.events.some(event => event.kind === 'dropped'));
  });

  it('drops a peer that does not finish the handshake', async () => {
    const door = await openDoor({ limits: { handshakeMs: 200 } });
    const socket = connectTcp(door.listener.port, '127.0.0.1');
    socket.on('error', () => undefined);
    await new Promise(resolve => socket.once('close', resolve));
    await eventually(() => door.events.some(event => event.kind === 'handshake-failed'));
  });

  it('closes the idle connection of a stranger, not that of a caller', async () => {
    const door = await openDoor({
      limits: { idleStrangerMs: 1, idleMs: 60_000, sweepMs: 50 },
      onCall: call => {
        void call
          .openBody('unary')
          .readFirst()
          .then(() => {
            refuse(call.stream, { code: 0, message: '' });
          });
      },
    });
    const caller = await client(door);
    await caller.unary('/t/unary');
    const stranger = await client(door, {});
    await eventually(() => stranger.session.destroyed);
    expect(caller.session.closed).toBe(false);
  });

  it('lets go of every connection whose peer disappears while it is being closed', async () => {
    const door = await openDoor({ limits: { resetBurst: 5, resetsPerSecond: 1, sweepMs: 50 } });
    for (let i = 0; i < 40; i++) {
      const peer = await raw(door);
      for (let id = 1; id < 40; id += 2) peer.send(openStream(id), frame(frameTypes.rstStream, 0, id, uint32(8)));
      await new Promise(resolve => setTimeout(resolve, i % 8));
      peer.socket.destroy();
    }
    await eventually(() => door.listener.connections === 0);
  });

  it('refuses large requests with RESOURCE_EXHAUSTED while their memory is used up, and recovers', async () => {
    const bodies: Promise<Buffer>[] = [];
    const door = await openDoor({
      limits: { requestMemory: 256 * 1024 },
      onCall: call => {
        const body = call.openBody('unary').readFirst();
        bodies.push(body);
        body.then(
          () => {
            refuse(call.stream, { code: 0, message: '' });
          },
          () => {
            refuse(call.stream, { code: 8, message: 'full' });
          },
        );
      },
    });
    const made = await client(door);
    const hog = made.start('/t/unary');
    hog.stream.write(Buffer.concat([Buffer.from([0]), uint32(300_000), Buffer.alloc(200_000)]));
    await eventually(() => bodies.length === 1);
    await new Promise(resolve => setTimeout(resolve, 100));
    expect((await made.unary('/t/unary', Buffer.alloc(100_000))).code).toBe(8);
    hog.cancel();
    await expect(bodies[0]).rejects.toBeDefined();
    expect((await made.unary('/t/unary', Buffer.alloc(100_000))).code).toBe(0);
  });
});

describe('life', () => {
  it('drain lets running calls end, takes no new ones, and returns as soon as all is done', async () => {
    const door = await openDoor({
      onCall: call => {
        setTimeout(() => {
          refuse(call.stream, { code: 0, message: 'late' });
        }, 200);
      },
    });
    const made = await client(door);
    const running = made.unary('/t/unary');
    await eventually(() => door.listener.streams === 1);
    const started = Date.now();
    const drained = door.listener.drain(5000);
    expect((await running).message).toBe('late');
    await drained;
    expect(Date.now() - started).toBeLessThan(2000);
    await expect(client(door)).rejects.toThrow();
  });

  it('drain cuts what is left after the grace', async () => {
    const door = await openDoor({ onCall: () => undefined });
    const made = await client(door);
    const hanging = made.start('/t/unary');
    hanging.stream.end();
    await eventually(() => door.listener.streams === 1);
    await door.listener.drain(100);
    expect((await hanging.reply).code).toBeUndefined();
  });

  it('setTls shows new connections the new certificate and keeps running calls', async () => {
    const door = await openDoor();
    const made = await client(door);
    await made.unary('/t/unary');
    const renewed = await pki.clients.issue({ commonName: 'renewed', usages: ['server'], ips: ['127.0.0.1'] });
    door.listener.setTls({ ...renewed, clientCa: pki.clients.ca });
    expect((await made.unary('/t/unary')).code).toBe(0);
    const other = await client(door);
    expect(other.socket.getPeerCertificate().subject.CN).toBe('renewed');
    await other.unary('/t/unary');
    expect(door.calls.at(-1)?.peer.chainVerified).toBe(true);
  });

  it('setTls with another client authority ends connections that the old one let in', async () => {
    const door = await openDoor();
    const made = await client(door);
    await made.unary('/t/unary');
    const other = await createTestPki('p256', 'other');
    door.listener.setTls({ ...pki.door, clientCa: other.ca });
    await eventually(() => made.session.destroyed);
    await (await client(door)).unary('/t/unary');
    expect(door.calls.at(-1)?.peer.chainVerified).toBe(false);
  });

  it.each([
    ['a key that does not belong', { certificate: 'nonsense', key: 'nonsense' }],
    ['an empty CA bundle', { clientCa: '' }],
    ['client certificates turned off', { clientCa: undefined }],
  ])('setTls refuses %s and changes nothing', async (_what, change) => {
    const door = await openDoor();
    expect(() => {
      door.listener.setTls({ ...pki.door, clientCa: pki.clients.ca, ...change });
    }).toThrow();
    await (await client(door)).unary('/t/unary');
    expect(door.calls[0]?.peer.chainVerified).toBe(true);
  });

  it('refuses an address that is none', async () => {
    await expect(openDoor({ address: 'nonsense' })).rejects.toMatchObject({ code: 'bad-config' });
  });
});
