// What a caller sees when a call ends in some way other than the usual one (talos.md 4.2 and 4.3).
import { constants } from 'node:http2';
import { gunzipSync, gzipSync } from 'node:zlib';
import { create, fromBinary } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { encodeFrame } from '../../src/core/grpc-frame.ts';
import { DataSchema } from '../../src/gen/common/common_pb.js';
import { DebugContainerRunRequestSchema, DebugContainerRunRequestSpecSchema } from '../../src/gen/machine/debug_pb.js';
import { cp, encode, followLogs, logsRequest, paths, version, worker } from '../support/calls.ts';
import { DebugSession, debugSpec, pullImage } from '../support/debug-session.ts';
import type { H2Call } from '../support/h2-client.ts';
import { expectStatus } from '../support/refusal.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    config: raw => {
      raw['limits'] = { shutdown_grace: '8s' };
    },
    policy: ['p, user:carol@example.com, *, *, *, **, allow'],
  });
});
afterAll(() => stack.close());
beforeEach(() => {
  stack.clearCalls();
});
afterEach(async () => {
  // Nothing may be left on any node, whatever a test did.
  await until(() => Object.values(stack.nodes).every(({ control }) => control.openStreams() === 0));
  // Nor at the door, though most of the connections are still there.
  await until(
    () => stack.app.grpc.streams === 0,
    () => `${stack.app.grpc.streams} streams at the door`,
  );
});

test('an upload that is denied shows its caller the denial, however much is still being sent', async () => {
  const h2 = await stack.h2('alice');
  const call = h2.start('/machine.MachineService/EtcdRecover', [['node', cp]]);
  let over = false;
  const push = (): void => {
    if (over || !call.stream.writable) return;
    call.send(encode(DataSchema, { bytes: Buffer.alloc(32 * 1024) }));
    setImmediate(push);
  };
  push();
  const reply = await call.reply;
  over = true;
  expectStatus(reply, 'PERMISSION_DENIED', /etcd\.recover/);
  expect(stack.seen()).toEqual([]);
});

test('a node that refuses an upload in its middle is heard too', async () => {
  stack.nodes.cp.control.failNext('/machine.MachineService/EtcdRecover', {
    code: 'FAILED_PRECONDITION',
    message: 'no',
  });
  const h2 = await stack.h2('carol');
  const call = h2.start('/machine.MachineService/EtcdRecover', [['node', cp]]);
  call.send(encode(DataSchema, { bytes: Buffer.alloc(1000) }));
  expectStatus(await call.reply, 'FAILED_PRECONDITION', /^no$/);
});

test('a cancel is at the node within a tenth of a second, as a rule', async () => {
  const tookMs: number[] = [];
  const h2 = await stack.h2('alice');
  const { control } = stack.nodes.worker;
  for (let round = 0; round < 15; round += 1) {
    const call = h2.start(paths.logs, [['node', worker]]);
    call.send(logsRequest({ namespace: 'system', id: 'kubelet', follow: true, tailLines: 1 }));
    call.stream.end();
    await call.received(1);
    const started = performance.now();
    call.cancel();
    await until(() => control.openStreams() === 0);
    tookMs.push(performance.now() - started);
  }
  const [quickest = Infinity] = tookMs.toSorted((a, b) => a - b);
  // The bar is on the quickest of them: this machine is shared. The slowest still is no matter of a timer.
  expect(quickest).toBeLessThan(100);
  expect(Math.max(...tookMs)).toBeLessThan(2_000);
});

test.each([
  ['CANCEL', constants.NGHTTP2_CANCEL],
  ['NO_ERROR', constants.NGHTTP2_NO_ERROR],
])('callers who reset their calls early with %s leave nothing behind', async (_name, code) => {
  const [carol, bob, alice] = await Promise.all([stack.h2('carol'), stack.h2('bob'), stack.h2('alice')]);
  const recover = '/machine.MachineService/EtcdRecover';
  const begin = (): H2Call[] => [
    carol.start(recover, [['node', cp]]),
    bob.start(paths.containerRun, [['node', worker]]),
    // Refused, with and without a look at the body.
    alice.start(recover, [['node', cp]]),
    alice.start('/machine.MachineService/NoSuchMethod', [['node', cp]]),
  ];
  const [empty, begun] = [begin(), begin()];
  for (const call of begun) call.send(encode(DataSchema, { bytes: Buffer.alloc(1000) }));
  await until(() => stack.seen().some(({ path }) => path === recover));
  for (const call of begun) if (call.stream.writable) call.send(Buffer.alloc(1000));
  for (const call of [...empty, ...begun, ...begin()]) call.stream.close(code);
  await until(
    () => stack.app.grpc.streams === 0,
    () => `${stack.app.grpc.streams} streams at the door`,
  );
  for (const client of [carol, bob, alice]) expect(client.session.destroyed).toBe(false);
});

test('a deadline is told to the node and kept by the gateway', async () => {
  const h2 = await stack.h2('alice');
  const { control } = stack.nodes.worker;
  control.delayNext(paths.version, 5_000);
  const started = performance.now();
  const reply = await h2.unary(paths.version, Buffer.of(), [
    ['node', worker],
    ['grpc-timeout', '300m'],
  ]);
  expectStatus(reply, 'DEADLINE_EXCEEDED', /deadline/);
  expect(performance.now() - started).toBeLessThan(3_000);
  const told = /^(\d+)m$/.exec(control.calls()[0]?.metadata.get('grpc-timeout')?.[0] ?? '')?.[1];
  expect(Number(told)).toBeGreaterThan(0);
  expect(Number(told)).toBeLessThanOrEqual(300);
});

test('an answer of trailers only stays one, with the details of its status byte for byte', async () => {
  const details = Buffer.from([8, 3, 18, 1, 120, 0xff, 0]);
  stack.nodes.worker.control.failNext(paths.version, { code: 'NOT_FOUND', message: 'höchst 100%\n', details });
  const h2 = await stack.h2('alice');
  const reply = await h2.unary(paths.version, Buffer.of(), [['node', worker]]);
  expect(reply).toMatchObject({ code: 5, message: 'höchst 100%\n', messages: [] });
  const all = [...reply.headers, ...reply.trailers];
  const sent = all[all.indexOf('grpc-status-details-bin') + 1] ?? '';
  expect(Buffer.from(sent, 'base64').equals(details)).toBe(true);
});

test('compressed requests are understood, and compressed replies come as the node sent them', async () => {
  const h2 = await stack.h2('alice');
  const call = h2.start(paths.logs, [
    ['node', worker],
    ['grpc-encoding', 'gzip'],
    ['grpc-accept-encoding', 'identity,gzip'],
  ]);
  const request = logsRequest({ namespace: 'system', id: 'kubelet', follow: false, tailLines: 2 });
  call.stream.end(encodeFrame(gzipSync(request), true));
  const reply = await call.reply;
  expect(reply.code).toBe(0);
  // What arrives at the node is the canonical form, which is not compressed.
  const [seen] = stack.nodes.worker.control.calls();
  expect(seen?.requests[0]?.equals(request)).toBe(true);
  expect(seen?.metadata.get('grpc-accept-encoding')).toEqual(['identity,gzip']);
  const text = reply.messages.map(message => {
    const plain = message[0] === 0x1f && message[1] === 0x8b ? gunzipSync(message) : message;
    return Buffer.from(fromBinary(DataSchema, plain).bytes).toString();
  });
  expect(text.join('')).not.toBe('');
});

test('a node that restarts in the middle of a stream is UNAVAILABLE, and back within seconds', async () => {
  let lines = 0;
  const following = followLogs(stack.as('alice'), { node: worker }, replies => {
    lines = replies.length;
    return false;
  });
  const many = followLogs(stack.as('alice'), { nodes: [worker, cp] }, replies =>
    replies.some(reply => reply.metadata?.status?.code === 14),
  );
  await until(() => lines > 1 && stack.nodes.worker.control.openStreams() === 2);
  await stack.nodes.worker.control.restart();
  expectStatus(await following, 'UNAVAILABLE', /node demo-worker-1/);
  const failures = (await many).replies.flatMap(({ metadata }) => (metadata?.status ? [metadata] : []));
  expect(failures).toMatchObject([{ hostname: worker, status: { code: 14 } }]);
  await until(async () => (await version(stack.as('alice'), { node: worker })).code === 0, undefined, 10_000);
});

test.each([0, 8])('a debug stream that its caller resets with code %i harms nobody', async code => {
  const image = await pullImage(stack.as('bob'));
  const lost: unknown[] = [];
  const onLost = (error: unknown): void => void lost.push(error);
  process.on('uncaughtExceptionMonitor', onLost);
  const bytes = encode(DebugContainerRunRequestSchema, {
    request: { case: 'spec', value: create(DebugContainerRunRequestSpecSchema, debugSpec(image)) },
  });
  for (let round = 0; round < 10; round += 1) {
    const h2 = await stack.h2('bob');
    const call = h2.start(paths.containerRun, [['node', worker]]);
    call.send(bytes);
    // While the gateway writes to the terminal, right before it does, and after it has asked for the reason.
    if (round % 3 > 0) await call.received(round % 3);
    call.stream.close(code);
    await call.reply;
    await h2.close();
  }
  process.off('uncaughtExceptionMonitor', onLost);
  expect(lost).toEqual([]);
  expect((await version(stack.as('alice'), { node: worker })).code).toBe(0);
  // The requests that were raised for nothing are nobody's any more.
  const session = new DebugSession(stack.as('bob'), debugSpec(image));
  await session.shows('reason>');
  session.leave();
});

test('shutting down takes no longer than what still runs: nothing here', async () => {
  const started = performance.now();
  await stack.app.close();
  // The grace is 8 s.
  expect(performance.now() - started).toBeLessThan(5_000);
});
