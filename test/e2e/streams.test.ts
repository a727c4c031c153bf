// Streams through the whole gateway: large replies, slow readers, cancel, uploads (talos.md 4.3).
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { DataSchema } from '../../src/gen/common/common_pb.js';
import { EtcdRecoverResponseSchema, EtcdSnapshotRequestSchema } from '../../src/gen/machine/machine_pb.js';
import type { AuditWatch } from '../support/audit-watch.ts';
import { cp, encode, followLogs, logsRequest, paths, worker } from '../support/calls.ts';
import { connectH2 } from '../support/h2-client.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const snapshotBytes = 24 * 1024 * 1024;
let stack: Stack;
let watch: AuditWatch;
beforeAll(async () => {
  stack = await startStack({
    node: { snapshotBytes },
    policy: ['p, user:carol@example.com, *, *, *, **, allow'],
  });
  watch = await stack.watch();
});
afterAll(() => stack.close());
beforeEach(async () => {
  await watch.moveOn();
  stack.clearCalls();
});

const snapshotPath = '/machine.MachineService/EtcdSnapshot';

test('an etcd snapshot comes through whole, and its size is on record', async () => {
  const client = stack.as('carol');
  const answer = await client.serverStream(
    snapshotPath,
    { node: cp },
    EtcdSnapshotRequestSchema,
    {},
    DataSchema,
    () => false,
  );
  expect(answer.code).toBe(0);
  const bytes = Buffer.concat(answer.replies.map(reply => reply.bytes));
  expect(bytes.length).toBeGreaterThanOrEqual(snapshotBytes);
  // etcd appends the SHA-256 of everything before it.
  const body = bytes.subarray(0, bytes.length - 32);
  expect(createHash('sha256').update(body).digest().equals(bytes.subarray(-32))).toBe(true);
  const [, outcome] = await watch.kinds('call.intent', 'call.outcome');
  expect(outcome).toMatchObject({ endCause: 'server', responseMessages: answer.replies.length });
  expect(outcome?.responseBytes).toBeGreaterThan(snapshotBytes);
});

test('a reader who does not read holds the node back, not the memory of the gateway', async () => {
  const leaf = stack.secrets.pki.users.get('carol@example.com');
  const h2 = await connectH2({
    port: stack.app.grpc.port,
    ca: stack.secrets.pki.clientCa.certificate,
    certificate: leaf?.certificate,
    key: leaf?.key,
    window: 64 * 1024,
  });
  const call = h2.start(snapshotPath, [['node', cp]]);
  call.stream.end(Buffer.alloc(5));
  await call.received(1);
  call.stream.pause();
  await sleep(500);
  const sent = (): number => stack.nodes.cp.control.calls()[0]?.replies ?? 0;
  const before = sent();
  await sleep(300);
  // Nothing moves, and far from all of it has left the node.
  expect(sent()).toBe(before);
  call.stream.resume();
  expect((await call.reply).code).toBe(0);
  expect(sent()).toBeGreaterThan(before * 2);
  await h2.close();
});

test('a call that its caller cancels ends on the node at once and is recorded as theirs', async () => {
  const answer = await followLogs(stack.as('alice'), { node: worker }, replies => replies.length > 1);
  expect(answer.code).toBe(0);
  await until(() => stack.nodes.worker.control.openStreams() === 0, undefined, 1_000);
  const [call] = stack.nodes.worker.control.calls();
  expect(call?.ended).toEqual({ kind: 'cancelled' });
  const [, outcome] = await watch.kinds('call.intent', 'call.outcome');
  expect(outcome).toMatchObject({ endCause: 'client', grpcCode: 1 });
});

test('a connection that breaks ends all its calls on the nodes', async () => {
  const h2 = await stack.h2('alice');
  for (let at = 0; at < 20; at += 1) {
    const call = h2.start(paths.logs, [['node', worker]]);
    call.send(logsRequest({ namespace: 'system', id: 'kubelet', follow: true }));
    call.stream.end();
  }
  await until(() => stack.nodes.worker.control.openStreams() === 20);
  await h2.close();
  await until(() => stack.nodes.worker.control.openStreams() === 0, undefined, 2_000);
  await until(async () => (await watch.records()).filter(({ kind }) => kind === 'call.outcome').length === 20);
  for (const record of await watch.records()) {
    if (record.kind === 'call.outcome') expect(record.endCause).toBe('client');
  }
});

test('an upload arrives message by message, as it was sent, and ends when it is half-closed', async () => {
  const h2 = await stack.h2('carol');
  const call = h2.start('/machine.MachineService/EtcdRecover', [['node', cp]]);
  const content = Buffer.alloc(256 * 1024, 'snapshot');
  const hash = createHash('sha256').update(content).digest();
  const whole = Buffer.concat([content, hash]);
  for (let at = 0; at < whole.length; at += 4096) {
    call.send(encode(DataSchema, { bytes: whole.subarray(at, at + 4096) }));
  }
  await until(() => (stack.nodes.cp.control.calls()[0]?.requests.length ?? 0) >= 65);
  expect(stack.nodes.cp.control.calls()[0]?.halfClosed).toBe(false);
  call.stream.end();
  const reply = await call.reply;
  expect(reply.code).toBe(0);
  expect(fromBinary(EtcdRecoverResponseSchema, reply.messages[0] ?? Buffer.of()).messages).toHaveLength(1);
  const [seen] = stack.nodes.cp.control.calls();
  expect(seen?.halfClosed).toBe(true);
  const got = Buffer.concat((seen?.requests ?? []).map(message => fromBinary(DataSchema, message).bytes));
  expect(got.equals(whole)).toBe(true);
  const [, outcome] = await watch.kinds('call.intent', 'call.outcome');
  expect(outcome).toMatchObject({ requestMessages: 65, grpcCode: 0 });
});

test('an upload that its caller cancels is not taken for a whole one', async () => {
  const h2 = await stack.h2('carol');
  const call = h2.start('/machine.MachineService/EtcdRecover', [['node', cp]]);
  call.send(encode(DataSchema, { bytes: Buffer.alloc(4096) }));
  await until(() => stack.seen().length === 1);
  call.cancel();
  const [seen] = stack.nodes.cp.control.calls();
  await until(() => seen?.ended !== undefined);
  expect(seen?.ended).toEqual({ kind: 'cancelled' });
  const [, outcome] = await watch.kinds('call.intent', 'call.outcome');
  expect(outcome).toMatchObject({ endCause: 'client', grpcCode: 1 });
});
