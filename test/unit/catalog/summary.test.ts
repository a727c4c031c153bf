import { create, type DescMessage, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inspectRequest } from '../../../src/catalog/inspect-request.ts';
import { HealthCheckRequestSchema } from '../../../src/gen/cluster/cluster_pb.js';
import { ContainerDriver } from '../../../src/gen/common/common_pb.js';
import { CreateRequestSchema, ListRequestSchema, WatchRequestSchema } from '../../../src/gen/cosi/resource/state_pb.js';
import { DebugContainerRunRequestSchema } from '../../../src/gen/machine/debug_pb.js';
import { ImageServiceImportRequestSchema, ImageServiceVerifyRequestSchema } from '../../../src/gen/machine/image_pb.js';
import {
  ApplyConfigurationRequestSchema,
  DiskUsageRequestSchema,
  GenerateClientConfigurationRequestSchema,
  LogsRequestSchema,
  MetaWriteRequestSchema,
  NetstatRequestSchema,
  PacketCaptureRequestSchema,
  ResetRequestSchema,
} from '../../../src/gen/machine/machine_pb.js';
import { BlockDeviceWipeDescriptor_Method, BlockDeviceWipeRequestSchema } from '../../../src/gen/storage/storage_pb.js';
import { inspect, methodAt, openDigest, refusal } from './support.ts';
import { bytes, field, number } from './wire.ts';

const machine = (name: string): string => `/machine.MachineService/${name}`;
const hex = (...parts: Uint8Array[]): string => Buffer.from(bytes(...parts)).toString('hex');

describe('the summary of a request', () => {
  it('shows text, booleans as booleans, numbers and enum values as text, zero values too', () => {
    const request = { namespace: 'k8s.io', id: 'a/b:c', driver: ContainerDriver.CRI, tailLines: -1 };
    expect(inspect(machine('Logs'), LogsRequestSchema, request).summary).toEqual({
      namespace: 'k8s.io',
      id: 'a/b:c',
      driver: 'cri',
      follow: false,
      tail_lines: '-1',
    });
    expect(inspect(machine('Reset'), ResetRequestSchema, {}).summary).toEqual({
      graceful: false,
      reboot: false,
      mode: 'all',
    });
  });

  it('shows lists, and fields of listed messages side by side', () => {
    const devices = [{ device: 'sda', method: BlockDeviceWipeDescriptor_Method.ZEROES }];
    expect(
      inspect('/storage.StorageService/BlockDeviceWipe', BlockDeviceWipeRequestSchema, { devices }).summary,
    ).toEqual({
      'devices.device': ['sda'],
      'devices.method': ['zeroes'],
      'devices.skip_volume_check': [false],
      'devices.skip_secondary_check': [false],
      'devices.drop_partition': [false],
    });
    const labelQuery = [{ terms: [{ key: 'app', op: 1 as const, value: ['x', 'y'] }, { key: 'z' }] }, {}];
    const list = { type: 'Members.cluster.talos.dev', options: { labelQuery, idQuery: { regexp: '^a$' } } };
    expect(inspect('/cosi.resource.State/List', ListRequestSchema, list).summary).toEqual({
      namespace: '',
      type: 'Members.cluster.talos.dev',
      'options.id_query.regexp': '^a$',
      'options.label_query.terms.key': [['app', 'z'], []],
      'options.label_query.terms.op': [['equal', 'exists'], []],
      'options.label_query.terms.value': [[['x', 'y'], []], []],
      'options.label_query.terms.invert': [[false, false], []],
    });
  });

  it.each([
    [{ seconds: 60n, nanos: 0 }, '60s'],
    [{ seconds: 1n, nanos: 500_000_000 }, '1.5s'],
    [{ seconds: 0n, nanos: 1 }, '0.000000001s'],
    [{ seconds: -1n, nanos: -250_000_000 }, '-1.25s'],
    [{ seconds: 0n, nanos: -250_000_000 }, '-0.25s'],
  ])('shows the duration %o as %s', (crtTtl, text) => {
    const { summary } = inspect(machine('GenerateClientConfiguration'), GenerateClientConfigurationRequestSchema, {
      crtTtl,
    });
    expect(summary['crt_ttl']).toBe(text);
  });

  it('leaves out absent messages, optional fields and lists', () => {
    expect(Object.keys(inspect(machine('ApplyConfiguration'), ApplyConfigurationRequestSchema, {}).summary)).toEqual([
      'mode',
      'dry_run',
    ]);
    expect(inspect('/cosi.resource.State/Watch', WatchRequestSchema, { type: 'X.y' }).summary).not.toHaveProperty('id');
    expect(inspect(machine('Netstat'), NetstatRequestSchema, {}).summary).toEqual({ filter: 'all' });
  });

  it('holds length and digest of what may not be shown, and nothing of what is dropped', () => {
    const data = Buffer.from('machine: {token: hunter2}');
    expect(inspect(machine('ApplyConfiguration'), ApplyConfigurationRequestSchema, { data }).summary['data']).toEqual({
      length: String(data.length),
      digest: data.toString('hex'),
    });
    expect(inspect(machine('MetaWrite'), MetaWriteRequestSchema, { key: 10, value: data }).summary).toEqual({
      key: '10',
      value: { length: String(data.length), digest: data.toString('hex') },
    });
    const credentials = { host: 'ghcr.io', username: 'bob', password: 'hunter2' };
    const verify = inspect('/machine.ImageService/Verify', ImageServiceVerifyRequestSchema, {
      imageRef: 'ghcr.io/a',
      credentials,
    });
    expect(verify.summary).toEqual({
      image_ref: 'ghcr.io/a',
      'credentials.host': 'ghcr.io',
      'credentials.username': 'bob',
    });
  });

  it('digests lists, maps and messages by their encoding, whatever order they came in', () => {
    const value = { imageName: 'x', args: ['sh', '-c', ''], env: { B: '2', A: '1' } };
    const { summary } = inspect('/machine.DebugService/ContainerRun', DebugContainerRunRequestSchema, {
      request: { case: 'spec', value },
    });
    const env = [field(4, field(1, 'A'), field(2, '1')), field(4, field(1, 'B'), field(2, '2'))];
    expect(summary['spec.args']).toEqual(['sh', '-c', '']);
    expect(summary['spec.env']).toEqual(['A', 'B', { length: '16', digest: hex(...env) }]);
    const bpfFilter = [{ op: 1 }, { jt: 2 }];
    const capture = inspect(machine('PacketCapture'), PacketCaptureRequestSchema, { bpfFilter });
    expect(capture.summary['bpf_filter']).toMatchObject({
      digest: hex(field(4, number(1, 1)), field(4, number(2, 2))),
    });
    const resource = { metadata: { type: 'X.y', labels: { b: '', a: 'x' } }, spec: { yamlSpec: 'token: hunter2' } };
    const made = inspect('/cosi.resource.State/Create', CreateRequestSchema, { resource });
    expect(JSON.stringify(made.summary)).not.toContain('hunter2');
    expect(made.summary['resource.spec']).toMatchObject({ digest: hex(field(2, field(2, 'token: hunter2'))) });
  });

  it('digests nothing for a field that is not set', () => {
    const digested: string[] = [];
    const request = create(DebugContainerRunRequestSchema, { request: { case: 'spec', value: { imageName: 'x' } } });
    inspectRequest(
      methodAt('/machine.DebugService/ContainerRun'),
      toBinary(DebugContainerRunRequestSchema, request),
      (path, value) => {
        digested.push(path);
        return openDigest(path, value);
      },
    );
    expect(digested).toEqual([]);
  });

  it('shows the opening of an import and no chunk', () => {
    const request = { request: { case: 'containerd' as const, value: { driver: 1 as const, namespace: 1 as const } } };
    expect(inspect('/machine.ImageService/Import', ImageServiceImportRequestSchema, request).summary).toEqual({
      'containerd.driver': 'cri',
      'containerd.namespace': 'ns-system',
    });
  });
});

describe('the summary of a debug container', () => {
  const debug = (spec: { args?: string[]; env?: Record<string, string>; imageName?: string }) =>
    inspect('/machine.DebugService/ContainerRun', DebugContainerRunRequestSchema, {
      request: { case: 'spec', value: { imageName: 'x', ...spec } },
    }).summary;
  const numbered = (count: number, length = 4) =>
    Array.from({ length: count }, (_, at) => `${at}`.padStart(length, 'x'));

  it('shows every parameter as it will run, passwords included', () => {
    const args = ['sh', '-c', 'a:$(reboot)@b', 'https://u:p@h/'];
    expect(debug({ args })['spec.args']).toEqual(args);
    expect(debug({ args: numbered(32) })['spec.args']).toEqual(numbered(32));
    expect(debug({ args: ['x'.repeat(1022)] })['spec.args']).toEqual(['x'.repeat(1022)]);
  });

  it('names the environment and hides its values', () => {
    const env = { PATH: '/bin', LD_PRELOAD: '/host/evil.so' };
    const { 'spec.env': shown } = debug({ env });
    expect(shown).toEqual(['LD_PRELOAD', 'PATH', expect.objectContaining({ digest: expect.any(String) as string })]);
  });

  it.each([
    ['a 33rd parameter', { args: numbered(33) }],
    ['a parameter over 1 KiB', { args: ['x'.repeat(1023)] }],
    ['a parameter that is over 1 KiB once it is escaped', { args: ['\u{202e}'.repeat(200)] }],
    ['parameters over 8 KiB together', { args: numbered(10, 1000) }],
    ['a 33rd variable', { env: Object.fromEntries(numbered(33).map(name => [name, ''])) }],
    ['a variable with a name over 1 KiB', { env: { ['x'.repeat(1100)]: '' } }],
    [
      'parameters and variables over 8 KiB together',
      {
        args: numbered(5, 1000),
        env: Object.fromEntries(numbered(5, 1000).map(name => [name, ''])),
      },
    ],
    ['an image name over 1 KiB', { imageName: `${'x'.repeat(1100)}@sha256:${'a'.repeat(64)}` }],
  ])('is refused with %s', (_what, spec) => {
    const { code, message } = refusal(() => debug(spec));
    expect(code).toBe('malformed-message');
    expect(message).toContain('shorten the parameters');
    expect(message).not.toMatch(/arg\(s\)|flag|command/i);
  });
});

describe('the size of a summary', { timeout: 60_000 }, () => {
  it('is kept by cutting lists to 32 items, with a note', () => {
    const roles = Array.from({ length: 40 }, (_, at) => `r${at}`);
    const { summary } = inspect(machine('GenerateClientConfiguration'), GenerateClientConfigurationRequestSchema, {
      roles,
    });
    expect(summary['roles']).toEqual([...roles.slice(0, 32), '… (8 more)']);
  });

  it('stays under 16 KiB of JSON however long values and lists are', () => {
    const long = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom(
        '"'.repeat(3000),
        '\u{202e}'.repeat(3000),
        '€'.repeat(3000),
        '\\'.repeat(900),
        'x'.repeat(100_000),
      ),
    );
    const lists = fc.array(long, { maxLength: 60 });
    const terms = fc.record({ key: long, value: lists });
    const cases: fc.Arbitrary<readonly [string, DescMessage, Record<string, unknown>]> = fc.oneof(
      fc
        .record({ controlPlaneNodes: lists, workerNodes: lists, forceEndpoint: long })
        .map(
          clusterInfo => ['/cluster.ClusterService/HealthCheck', HealthCheckRequestSchema, { clusterInfo }] as const,
        ),
      fc
        .array(fc.record({ terms: fc.array(terms, { maxLength: 40 }) }), { maxLength: 40 })
        .map(
          labelQuery =>
            ['/cosi.resource.State/Watch', WatchRequestSchema, { type: 'X.y', options: { labelQuery } }] as const,
        ),
      fc.record({ netns: lists }).map(netns => [machine('Netstat'), NetstatRequestSchema, { netns }] as const),
    );
    fc.assert(
      fc.property(cases, ([path, desc, init]) => {
        const { summary } = inspect(path, desc, init);
        expect(Buffer.byteLength(JSON.stringify(summary))).toBeLessThanOrEqual(16 * 1024);
      }),
      { numRuns: 60 },
    );
  });

  it('is shared out: a huge list does not push other fields out', () => {
    const clusterInfo = {
      controlPlaneNodes: Array.from({ length: 32 }, () => 'x'.repeat(1000)),
      workerNodes: ['10.0.0.1'],
      forceEndpoint: 'https://k',
    };
    const { summary } = inspect('/cluster.ClusterService/HealthCheck', HealthCheckRequestSchema, { clusterInfo });
    expect(summary['cluster_info.worker_nodes']).toEqual(['10.0.0.1']);
    expect(summary['cluster_info.force_endpoint']).toBe('https://k');
    expect(summary['cluster_info.control_plane_nodes']).toContain('… (29 more)');
  });

  it('holds a path of 1 KiB whole', () => {
    const path = `/${'x'.repeat(1000)}`;
    expect(inspect(machine('DiskUsage'), DiskUsageRequestSchema, { paths: [path] }).summary['paths']).toEqual([path]);
  });
});
