// Input that no proper client sends: a clear status, a record, and nothing for the node. Unknown methods, callers without
// proof and unknown nodes are in invariant-refused.test.ts, protobuf with two meanings in invariant-forwarded.test.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AuditRecord } from '../../src/core/audit-record.ts';
import { encodeFrame } from '../../src/core/grpc-frame.ts';
import { DataSchema } from '../../src/gen/common/common_pb.js';
import { ApplyConfigurationRequestSchema } from '../../src/gen/machine/machine_pb.js';
import type { AuditWatch } from '../support/audit-watch.ts';
import { encode, logsRequest, paths, version, worker } from '../support/calls.ts';
import { field, type H2Client, type H2Reply } from '../support/h2-client.ts';
import { expectStatus } from '../support/refusal.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { strangersForgotten, until } from '../support/until.ts';

let stack: Stack;
let watch: AuditWatch;
let bob: H2Client;
beforeAll(async () => {
  stack = await startStack({
    config: raw => {
      raw['limits'] = { read_timeout: '1s' };
    },
    policy: ['p, user:carol@example.com, *, *, *, **, allow'],
  });
  watch = await stack.watch();
  bob = await stack.h2('bob');
});
afterAll(() => stack.close());
beforeEach(async () => {
  await watch.moveOn();
  stack.clearCalls();
});

type Fields = readonly (readonly [string, string])[];
const onWorker: Fields = [['node', worker]];
const MiB = 1024 * 1024;

/** Sends raw bytes as the body of a call. */
async function send(path: string, body: Uint8Array | undefined, fields: Fields = onWorker): Promise<H2Reply> {
  const call = bob.start(path, fields);
  if (body === undefined) call.stream.end();
  else call.stream.end(body);
  return await call.reply;
}

/** The only record since the test began; no node has seen anything. */
async function refusal(): Promise<AuditRecord> {
  const [record] = await watch.kinds('call.deny');
  expect(stack.seen()).toEqual([]);
  if (record === undefined) throw new Error('no record');
  expect(record).toMatchObject({ principal: 'bob@example.com', decision: 'deny' });
  return record;
}

describe('frames', () => {
  const prefix = (flag: number, length: number): Buffer => {
    const out = Buffer.alloc(5, flag);
    out.writeUInt32BE(length, 1);
    return out;
  };
  const gzip: Fields = [...onWorker, ['grpc-encoding', 'gzip']];

  test.each([
    ['none at all', undefined, onWorker, 'INVALID_ARGUMENT', /no message/],
    ['two for a method that takes one', encodeFrames(2), onWorker, 'INVALID_ARGUMENT', /one message, more were sent/],
    ['a flag that does not exist', Buffer.concat([prefix(2, 0)]), onWorker, 'INTERNAL', /flag|compression/],
    ['one that is cut', Buffer.concat([prefix(0, 10), Buffer.of(1)]), onWorker, 'INTERNAL', /middle of a message/],
    ['a cut prefix', Buffer.of(0, 0, 0), onWorker, 'INTERNAL', /middle of a message/],
    ['a length over 32 MiB', prefix(0, 32 * MiB + 1), onWorker, 'RESOURCE_EXHAUSTED', /33554433|larger|exceeds|limit/],
    ['a length of 4 GiB', prefix(0, 0xffffffff), onWorker, 'RESOURCE_EXHAUSTED', /larger|exceeds|limit|4294967295/],
    [
      'compression without saying which',
      Buffer.concat([prefix(1, 1), Buffer.of(1)]),
      onWorker,
      'INTERNAL',
      /compressed/,
    ],
    ['compression that is none', Buffer.concat([prefix(1, 1), Buffer.of(1)]), gzip, 'INTERNAL', /gzip/],
    [
      '64 MiB in a small gzip',
      encodeFrame(gzipSync(Buffer.alloc(64 * MiB)), true),
      gzip,
      'RESOURCE_EXHAUSTED',
      /inflates/,
    ],
  ] as const)('%s', async (_what, body, fields, code, message) => {
    expectStatus(await send(paths.logs, body, fields), code, message);
    expect(await refusal()).toMatchObject({ reason: 'malformed-request', method: paths.logs, asked: worker });
  });

  test('an encoding that nobody knows', async () => {
    const reply = await send(paths.logs, encodeFrame(Buffer.of(1), true), [...onWorker, ['grpc-encoding', 'br']]);
    expectStatus(reply, 'UNIMPLEMENTED', /only gzip/);
    await refusal();
  });

  test('a message that never becomes whole', async () => {
    const call = bob.start(paths.logs, onWorker);
    call.stream.write(prefix(0, 10));
    expectStatus(await call.reply, 'INVALID_ARGUMENT', /no whole message arrived within 1000 ms/);
    await refusal();
  });

  test('a whole message of 33 MiB, sent to the end', async () => {
    const data = Buffer.alloc(33 * MiB, 'x');
    const payload = encode(ApplyConfigurationRequestSchema, { data });
    expectStatus(
      await send(paths.applyConfiguration, encodeFrame(payload)),
      'RESOURCE_EXHAUSTED',
      /33554432|limit|larger/,
    );
    await refusal();
  });

  function encodeFrames(count: number): Buffer {
    return Buffer.concat(Array.from({ length: count }, () => encodeFrame(logsRequest({ id: 'kubelet' }))));
  }
});

describe('header fields', () => {
  type Case = [string, ...(readonly [string, string])[]];
  const targets: readonly Case[] = [
    ['node', ['node', worker], ['node', worker]],
    ['node', ['node', `${worker},demo-cp-1`]],
    ['nodes', ['nodes', `${worker}, demo-cp-1`]],
    ['node', ['node', '']],
    ['context', ['node', worker], ['context', 'demo'], ['context', 'other']],
    ['context and cluster', ['node', worker], ['context', 'demo'], ['cluster', 'other']],
  ];
  const others: readonly Case[] = [
    ['authorization', ['node', worker], ['authorization', 'Bearer a.b.c'], ['authorization', 'Bearer a.b.c']],
    ['authorization', ['node', worker], ['authorization', 'Bearer a.b.c, Bearer d.e.f']],
    ['grpc-timeout', ['node', worker], ['grpc-timeout', '1S'], ['grpc-timeout', '2S']],
    ['grpc-timeout', ['node', worker], ['grpc-timeout', '10 minutes']],
    ['grpc-timeout', ['node', worker], ['grpc-timeout', '123456789S']],
    ['grpc-encoding', ['node', worker], ['grpc-encoding', 'gzip'], ['grpc-encoding', 'identity']],
  ];

  /** Nobody has proved who they are yet when the fields are read. */
  async function assertRefused(named: string, fields: Fields): Promise<void> {
    const reply = await send(paths.version, encodeFrame(Buffer.of()), fields);
    expectStatus(reply, 'INVALID_ARGUMENT', new RegExp(`headers? .*${named}`));
    const [record] = await watch.kinds('call.deny');
    expect(stack.seen()).toEqual([]);
    expect(record).toMatchObject({ reason: 'malformed-request', method: paths.version, grpcCode: 3 });
    expect(JSON.stringify(record)).not.toContain('a.b.c');
    expect(reply.message).not.toContain('a.b.c');
  }

  test.each(targets)('%s that is repeated, joined or empty: %j %j %j', async (named, ...fields) => {
    await assertRefused(named, fields);
  });

  describe('of other kinds', () => {
    beforeAll(strangersForgotten);
    test.each(others)('%s that is repeated or malformed: %j %j %j', async (named, ...fields) => {
      await assertRefused(named, fields);
    });
  });

  test('of a request that is not gRPC get an HTTP status', async () => {
    const get = bob.start(paths.version, [[':method', 'GET']]);
    get.stream.end();
    expect((await get.reply).httpStatus).toBe(405);
    const json = bob.start(paths.version, [...onWorker, ['content-type', 'application/json']]);
    json.stream.end('{}');
    expect((await json.reply).httpStatus).toBe(415);
    const web = bob.start(paths.version, [...onWorker, ['content-type', 'application/grpc-web']]);
    web.stream.end(encodeFrame(Buffer.of()));
    expect((await web.reply).httpStatus).toBe(415);
    expect(stack.seen()).toEqual([]);
  });

  test('that name too many nodes', async () => {
    const many = Array.from({ length: 300 }, () => ['nodes', worker] as const);
    expectStatus(await send(paths.version, encodeFrame(Buffer.of()), many), 'INVALID_ARGUMENT', /300 nodes/);
    await refusal();
  });
});

describe('streams of a client', () => {
  const upload = encode(DataSchema, { bytes: Buffer.alloc(4096) });

  test('refused while it is still uploading, it sees the status and not a reset', async () => {
    const call = bob.start('/machine.MachineService/EtcdRecover', onWorker);
    const chunk = encodeFrame(upload);
    let sent = 0;
    while (call.stream.writable && sent < 2000) {
      sent += 1;
      if (!call.stream.write(chunk)) {
        await Promise.race([new Promise(done => call.stream.once('drain', done)), call.reply, sleep(50)]);
      }
      if (await Promise.race([call.reply.then(() => true), Promise.resolve(false)])) break;
    }
    const reply = await call.reply;
    expectStatus(reply, 'PERMISSION_DENIED', /etcd\.recover-upload/);
    expect(await refusal()).toMatchObject({ reason: 'no-rule' });
  });

  test('metadata beside an uploaded chunk ends it, and the node sees a cancelled call', async () => {
    const carol = await stack.h2('carol');
    const call = carol.start('/machine.MachineService/EtcdRecover', [['node', 'demo-cp-1']]);
    call.send(upload);
    await until(() => stack.seen().length === 1);
    call.send(encode(DataSchema, { bytes: Buffer.from('x'), metadata: { hostname: 'evil' } }));
    expectStatus(await call.reply, 'INVALID_ARGUMENT', /metadata/);
    const [recorded] = stack.nodes.cp.control.calls();
    await until(() => recorded?.ended !== undefined);
    expect(recorded?.ended).toEqual({ kind: 'cancelled' });
    expect(recorded?.requests).toHaveLength(1);
    const [, outcome] = await watch.kinds('call.intent', 'call.outcome');
    expect(outcome).toMatchObject({ endCause: 'gateway', grpcCode: 3, requestMessages: 2 });
  });

  test('a connection that breaks before the request is whole is recorded, and nothing is forwarded', async () => {
    const gone = await stack.h2('bob');
    gone.start(paths.logs, onWorker).stream.write(Buffer.of(0, 0, 0, 0));
    await sleep(100);
    await gone.close();
    expect(await refusal()).toMatchObject({ reason: 'cancelled', grpcCode: 1 });
  });
});

describe('deadlines', () => {
  test('of the client that have passed are DEADLINE_EXCEEDED, and the node is told', async () => {
    stack.nodes.worker.control.delayNext(paths.version, 5_000);
    const started = performance.now();
    const reply = await send(paths.version, encodeFrame(Buffer.of()), [...onWorker, ['grpc-timeout', '600m']]);
    expectStatus(reply, 'DEADLINE_EXCEEDED', /deadline/);
    expect(performance.now() - started).toBeLessThan(2_000);
    const [intent, outcome] = await watch.kinds('call.intent', 'call.outcome');
    expect(outcome).toMatchObject({ callId: intent?.callId, grpcCode: 4, endCause: 'deadline' });
  });

  test('too short to record the call mean that nothing is forwarded', async () => {
    const reply = await send(paths.version, encodeFrame(Buffer.of()), [...onWorker, ['grpc-timeout', '1u']]);
    expectStatus(reply, 'DEADLINE_EXCEEDED', /./);
    expect(await refusal()).toMatchObject({ reason: 'cancelled' });
  });
});

describe('what a node answers', () => {
  test('passes byte for byte: status, message and details', async () => {
    const details = Buffer.from('\u0000\u0001details', 'latin1');
    stack.nodes.worker.control.failNext(paths.version, {
      code: 'FAILED_PRECONDITION',
      message: 'flag ☃ 100% of\ncommand arg(s)',
      details,
    });
    const reply = await send(paths.version, encodeFrame(Buffer.of()));
    expect(reply.code).toBe(9);
    expect(reply.message).toBe('flag ☃ 100% of\ncommand arg(s)');
    const carrier = reply.trailers.length > 0 ? reply.trailers : reply.headers;
    expect(field(carrier, 'grpc-status-details-bin')?.replace(/=+$/, '')).toBe(
      details.toString('base64').replace(/=+$/, ''),
    );
    const [, outcome] = await watch.kinds('call.intent', 'call.outcome');
    expect(outcome).toMatchObject({ grpcCode: 9, endCause: 'server' });
    expect(outcome?.grpcMessage).not.toMatch(/[\u0000-\u001f]/);
  });

  test('that it is away is UNAVAILABLE at once, and it is found again when it is back', async () => {
    const { control } = stack.nodes.worker;
    expect((await version(stack.as('alice'))).code).toBe(0);
    await control.kill();
    const first = await version(stack.as('alice'));
    expectStatus(first, 'UNAVAILABLE', /node demo-worker-1/);
    expect(first.milliseconds).toBeLessThan(2_500);
    await control.start();
    await until(async () => (await version(stack.as('alice'))).code === 0, undefined, 5_000);
  });
});
