// "What was decided is what is forwarded", "metadata sent upstream is built from nothing", and "the lowest Talos role
// that the method needs is what the node is told".
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createCatalog } from '../../src/catalog/catalog.ts';
import { encodeFrame } from '../../src/core/grpc-frame.ts';
import { GetRequestSchema } from '../../src/gen/cosi/resource/state_pb.js';
import { ImageServiceImportRequestSchema } from '../../src/gen/machine/image_pb.js';
import type { RecordedCall, SimNode } from '../../src/sim/sim.ts';
import type { AuditWatch } from '../support/audit-watch.ts';
import { cp, encode, followLogs, logsRequest, paths, version, worker, worker2 } from '../support/calls.ts';
import type { H2Client, H2Reply } from '../support/h2-client.ts';
import { expectStatus } from '../support/refusal.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { readTsv } from '../unit/catalog/tsv.ts';
import { bytes, field, number, padded, tag } from '../unit/catalog/wire.ts';

let stack: Stack;
let watch: AuditWatch;
let carol: H2Client;
beforeAll(async () => {
  stack = await startStack({ policy: ['p, user:carol@example.com, *, *, *, **, allow'] });
  watch = await stack.watch();
  carol = await stack.h2('carol');
});
afterAll(() => stack.close());
beforeEach(async () => {
  await watch.moveOn();
  stack.clearCalls();
});

/** The only call that the node has seen, once all of it was read. */
function onlyCall(node: SimNode): RecordedCall {
  const [call, ...more] = node.control.calls();
  expect(more).toEqual([]);
  if (call === undefined) throw new Error('the node saw nothing');
  return call;
}

const onWorker = [['node', worker]] as const;
const logs = (payload: Uint8Array, fields: readonly (readonly [string, string])[] = onWorker): Promise<H2Reply> =>
  carol.unary(paths.logs, payload, fields);

describe('the request that a node gets', () => {
  const canonical = logsRequest({ namespace: 'system', id: 'kubelet', tailLines: 3 });
  // LogsRequest: namespace 1, id 2, driver 3, follow 4, tail_lines 5.
  const namespace = field(1, 'system');
  const id = field(2, 'kubelet');
  const tail = number(5, 3);

  test.each([
    ['fields in another order', bytes(tail, id, namespace)],
    ['zero values written out', bytes(namespace, id, number(3, 0), number(4, 0), tail)],
    ['a number with needless bytes', bytes(namespace, id, tag(5, 0), padded(3))],
    ['a tag with needless bytes', bytes(namespace, padded(0x12), 7, 'kubelet', tail)],
  ])('is the canonical encoding of %s', async (_what, payload) => {
    expect(Buffer.from(payload).equals(canonical)).toBe(false);
    expect((await logs(payload)).code).toBe(0);
    expect(onlyCall(stack.nodes.worker).requests).toEqual([canonical]);
  });

  test('is the canonical encoding for each of several nodes', async () => {
    const reply = await logs(bytes(tail, id, namespace), [
      ['nodes', worker],
      ['nodes', worker2],
    ]);
    expect(reply.code).toBe(0);
    expect(onlyCall(stack.nodes.worker).requests).toEqual([canonical]);
    expect(onlyCall(stack.nodes.worker2).requests).toEqual([canonical]);
  });

  test('is plain when it came compressed', async () => {
    const call = carol.start(paths.logs, [...onWorker, ['grpc-encoding', 'gzip']]);
    call.stream.end(encodeFrame(gzipSync(bytes(tail, id, namespace)), true));
    expect((await call.reply).code).toBe(0);
    expect(onlyCall(stack.nodes.worker).requests).toEqual([canonical]);
  });

  test.each([
    ['an unknown field', bytes(namespace, id, field(15, 'x')), /unknown field 15/],
    ['an unknown field of a high number', bytes(namespace, id, number(1000, 1)), /unknown field 1000/],
    ['a singular field twice', bytes(namespace, id, field(2, 'etcd')), /\(id\) comes twice/],
    ['a singular field twice with the same value', bytes(namespace, id, id), /comes twice/],
    ['text that is not UTF-8', bytes(namespace, field(2, 0xff, 0xfe)), /UTF-8/],
    ['an overlong encoding of a slash', bytes(namespace, field(2, 0xc0, 0xaf)), /UTF-8/],
    ['a field of another wire type', bytes(namespace, number(2, 7)), /wire type/],
    ['an unknown enum value', bytes(namespace, id, number(3, 9)), /unknown value 9/],
    ['a cut message', canonical.subarray(0, canonical.length - 1), /LogsRequest/],
    ['a group', bytes(namespace, id, tag(9, 3), tag(9, 4)), /unknown field 9/],
  ])('is not sent when it holds %s', async (_what, payload, message) => {
    expectStatus(await logs(payload), 'INVALID_ARGUMENT', message);
    expect(stack.seen()).toEqual([]);
    const [record] = await watch.kinds('call.deny');
    expect(record).toMatchObject({ reason: 'malformed-request', method: paths.logs, asked: worker, grpcCode: 3 });
  });

  test.each([
    '/machine.MachineService/Version',
    '/machine.MachineService/Hostname',
    '/machine.MachineService/Kubeconfig',
  ])('is not sent when %s, which takes nothing, is given something', async path => {
    expectStatus(await carol.unary(path, field(1, 'x'), onWorker), 'INVALID_ARGUMENT', /unknown field 1/);
    expect(stack.seen()).toEqual([]);
    await watch.kinds('call.deny');
  });
});

describe('the metadata that a node gets', () => {
  const hostile = [
    ['talos-role', 'os:admin'],
    ['talos-role', 'os:impersonator'],
    ['proxyfrom', 'demo-cp-1'],
    ['x-foo', 'bar'],
    ['x-talosgate-call-id', 'forged'],
    ['x-forwarded-for', '10.0.0.1'],
    ['cookie', 'a=b'],
    ['token', 'secret'],
    ['runtime', 'Talos'],
    ['user-agent', 'evil/1.0'],
    ['x-sidero-signature', 'abc'],
    ['grpc-accept-encoding', 'gzip,evil'],
    ['grpc-timeout', '20S'],
    ['context', 'demo'],
  ] as const;
  const allowed = [
    ':method',
    ':scheme',
    ':authority',
    ':path',
    'content-type',
    'te',
    'user-agent',
    'x-talosgate-call-id',
    'talos-role',
    'grpc-timeout',
    'grpc-accept-encoding',
  ];

  function assertBuiltFromNothing(call: RecordedCall, role: string): void {
    const names = call.headers.map(([name]) => name);
    expect(names.filter(name => !allowed.includes(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
    expect(call.metadata.get('talos-role')).toEqual([role]);
    expect(call.metadata.get('user-agent')?.[0]).toMatch(/^talosgate\//);
    expect(call.metadata.get('x-talosgate-call-id')?.[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(call.headers.flat().join('\n')).not.toMatch(/evil|forged|secret|bar|10\.0\.0\.1|os:admin|impersonator/);
  }

  test('holds nothing of what a caller sent, on one node', async () => {
    const token = stack.secrets.tokens.get('alice@example.com') ?? '';
    const alice = await stack.h2();
    const authorization = ['authorization', `Bearer ${token}`] as const;
    const reply = await alice.unary(paths.version, Buffer.of(), [...hostile, ...onWorker, authorization]);
    expect(reply.code).toBe(0);
    const call = onlyCall(stack.nodes.worker);
    assertBuiltFromNothing(call, 'os:reader');
    expect(JSON.stringify(call.headers)).not.toContain(token.slice(0, 20));
    const [intent] = await watch.kinds('call.intent', 'call.outcome');
    expect(intent?.callId).toBe(call.metadata.get('x-talosgate-call-id')?.[0]);
  });

  test('holds nothing of what a caller sent, on each of several nodes', async () => {
    const several = [cp, worker, worker2].map(name => ['nodes', name] as const);
    expect((await carol.unary(paths.version, Buffer.of(), [...hostile, ...several])).code).toBe(0);
    for (const node of Object.values(stack.nodes)) assertBuiltFromNothing(onlyCall(node), 'os:reader');
  });

  test('names the deadline that is left', async () => {
    await carol.unary(paths.version, Buffer.of(), [...onWorker, ['grpc-timeout', '5S']]);
    const left = /^(\d+)m$/.exec(onlyCall(stack.nodes.worker).metadata.get('grpc-timeout')?.[0] ?? '')?.[1];
    expect(Number(left)).toBeGreaterThan(1000);
    expect(Number(left)).toBeLessThanOrEqual(5000);
  });
});

describe('the role that a node is told', () => {
  // From the facts about Talos, not from our annotations.
  const least = new Map(readTsv('catalogue.tsv').map(row => [row['method'], row['least_role']]));
  const firstMessage = new Map([
    ['/machine.ImageService/Import', encode(ImageServiceImportRequestSchema, { request: containerdOf(1) })],
  ]);
  const methods = createCatalog().methods.filter(method => method.risk !== 'shell');

  function containerdOf(namespace: number): { case: 'containerd'; value: { namespace: number } } {
    return { case: 'containerd', value: { namespace } };
  }

  test('is exactly the least one of the method, for a caller who may do everything', async () => {
    const { control } = stack.nodes.cp;
    for (const { path } of methods) {
      stack.clearCalls();
      control.failNext(path, { code: 'ABORTED', message: 'reached' });
      const reply = await carol.unary(path, firstMessage.get(path) ?? Buffer.of(), [['node', cp]]);
      expect(`${path} ${reply.message}`).toBe(`${path} reached`);
      // Where the role differs between versions, the node was asked for its own first.
      const call = control.calls().findLast(seen => seen.path === path);
      expect(`${path} ${String(call?.metadata.get('talos-role'))}`).toBe(`${path} ${least.get(path) ?? ''}`);
    }
    expect(methods).toHaveLength(80);
  });

  test('is os:admin for a sensitive COSI type, whatever its spelling', async () => {
    for (const type of ['MachineConfigs.config.talos.dev', 'machineconfigs.config.talos.DEV']) {
      stack.clearCalls();
      const request = encode(GetRequestSchema, { namespace: 'config', type, id: 'v1alpha1' });
      await carol.unary(paths.get, request, onWorker);
      expect(onlyCall(stack.nodes.worker).metadata.get('talos-role')).toEqual(['os:admin']);
    }
  });

  test('is the least one for other callers and other ways to name the node', async () => {
    await version(stack.as('alice-jwt'), {});
    await followLogs(stack.as('alice'), { nodes: [cp] }, replies => replies.length > 0);
    expect(stack.nodes.cp.control.calls().map(call => call.metadata.get('talos-role'))).toEqual([
      ['os:reader'],
      ['os:reader'],
    ]);
  });
});
