// Whatever the gateway does with a call at the moment, a caller who resets it leaves no stream behind.
import { constants } from 'node:http2';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { encodeFrame } from '../../../src/core/grpc-frame.ts';
import { type IncomingCall, startListener } from '../../../src/gateway/listener.ts';
import { refuse } from '../../../src/gateway/respond.ts';
import { connectH2 } from '../../support/h2-client.ts';
import { connectRaw, frame, frameFlags, frameTypes, grpcHead, type RawH2, uint32 } from '../../support/h2-frames.ts';
import { until } from '../../support/until.ts';
import { createPki, eventually, type Pki, startBridge, startNode, targetOf } from './fixture.ts';

let pki: Pki;
const opened: { close(): Promise<unknown> }[] = [];
beforeAll(async () => {
  pki = await createPki();
});
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

const resets = [
  ['CANCEL', constants.NGHTTP2_CANCEL],
  ['NO_ERROR', constants.NGHTTP2_NO_ERROR],
  ['INTERNAL_ERROR', constants.NGHTTP2_INTERNAL_ERROR],
] as const;

const nothing: readonly Buffer[] = [];
const half = encodeFrame(Buffer.alloc(100)).subarray(0, 50);
const message = encodeFrame(Buffer.alloc(100));
const refused = { code: 7, message: 'no' };

/** What the gateway does with the call, and what the caller sends before they reset it. */
const moments: readonly (readonly [string, (call: IncomingCall) => unknown, readonly Buffer[]])[] = [
  ['before anybody reads, nothing sent', () => undefined, nothing],
  ['before anybody reads, a message sent', () => undefined, [message]],
  ['while the first message is awaited', call => readFirst(call, 'client-streaming'), nothing],
  ['in the middle of the first message', call => readFirst(call, 'bidi-streaming'), [half]],
  ['while the end of a unary request is awaited', call => readFirst(call, 'unary'), [message]],
  ['after the first message', call => readFirst(call, 'client-streaming'), [message]],
  ['after the first message, more sent', call => readFirst(call, 'bidi-streaming'), [message, message]],
  ['while passing on is held up, more sent', holdUp, [message, message, message]],
  ['refused before its body is read', call => refuse(call.stream, refused), nothing],
  ['refused before its body is read, a message sent', call => refuse(call.stream, refused), [message]],
  ['refused while it uploads', refuseUpload, [message, message]],
];

async function readFirst(call: IncomingCall, kind: 'unary' | 'client-streaming' | 'bidi-streaming'): Promise<void> {
  await call.openBody(kind).readFirst();
}

/** Like a relay whose node does not read. */
async function holdUp(call: IncomingCall): Promise<void> {
  const body = call.openBody('client-streaming');
  await body.readFirst();
  body.start({ data: () => body.pause(), end: () => undefined });
}

async function refuseUpload(call: IncomingCall): Promise<void> {
  await readFirst(call, 'client-streaming');
  refuse(call.stream, refused);
}

async function rawTo(port: number): Promise<RawH2> {
  const raw = await connectRaw(port, pki.clients.ca);
  opened.push(raw);
  return raw;
}

describe.each(moments)('%s', (_name, onCall, sent) => {
  it.each(resets)('a reset with %s closes the stream', async (_code, code) => {
    const calls: IncomingCall[] = [];
    const listener = await startListener({
      address: '127.0.0.1:0',
      tls: { ...pki.door, clientCa: pki.clients.ca },
      clock: systemClock,
      onCall: call => {
        calls.push(call);
        // The body of a caller who has gone rejects, which is not the matter here.
        void Promise.resolve(onCall(call)).catch(() => undefined);
      },
    });
    opened.push(listener);
    const raw = await rawTo(listener.port);
    raw.send(frame(frameTypes.headers, frameFlags.endHeaders, 1, grpcHead('/t/bidi-streaming')));
    await eventually(() => calls.length === 1);
    expect(listener.streams).toBe(1);
    for (const data of sent) {
      raw.send(frame(frameTypes.data, 0, 1, data));
      // In pieces of their own, so that some of it comes after the reader has stopped.
      await new Promise(resolve => setTimeout(resolve, 10));
    }
    raw.send(frame(frameTypes.rstStream, 0, 1, uint32(code)));
    await eventually(() => listener.streams === 0);
    expect(listener.connections).toBe(1);
  });
});

it.each(resets)('relayed to a node that does not read: a reset with %s closes both streams', async (_name, code) => {
  let atNode = 0;
  const node = await startNode(pki, call => {
    atNode++;
    call.stream.on('close', () => atNode--);
  });
  opened.push({ close: () => node.kill() });
  const bridge = await startBridge(pki, targetOf(node.port));
  opened.push(bridge);
  const raw = await rawTo(bridge.listener.port);
  raw.send(
    frame(frameTypes.headers, frameFlags.endHeaders, 1, grpcHead('/t/client-streaming')),
    frame(frameTypes.data, 0, 1, message),
  );
  await eventually(() => atNode === 1);
  raw.send(frame(frameTypes.data, 0, 1, half), frame(frameTypes.rstStream, 0, 1, uint32(code)));
  await eventually(() => atNode === 0);
  await eventually(() => bridge.listener.streams === 0);
});

// A client that does not look at its status. What of its upload is still unread when its time is up must not keep the stream.
it('a caller who goes on uploading after the refusal, and resets nothing, is cut off', async () => {
  const listener = await startListener({
    address: '127.0.0.1:0',
    tls: { ...pki.door, clientCa: pki.clients.ca },
    clock: systemClock,
    onCall: call => {
      const path = call.head.ok ? call.head.path : '';
      if (path === '/t/unread') refuse(call.stream, refused);
      else void refuseUpload(call);
    },
  });
  opened.push(listener);
  const client = await connectH2({ port: listener.port, ca: pki.clients.ca, ...pki.alice });
  opened.push(client);
  const uploads = ['/t/unread', '/t/read'].map(path => {
    const fields = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
    const stream = client.session.request(fields, { endStream: false });
    stream.on('error', () => undefined);
    for (let sent = 0; sent < 160; sent += 1) stream.write(encodeFrame(Buffer.alloc(64 * 1024)));
    return stream;
  });
  for (const stream of uploads) await new Promise(resolve => stream.once('response', resolve));
  await until(
    () => listener.streams === 0,
    () => `${listener.streams} streams are left`,
    15_000,
  );
});
