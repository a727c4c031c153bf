// The calls that most end-to-end tests make, by grpc-js, which shares no code with the data plane under test.
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { EmptySchema } from '@bufbuild/protobuf/wkt';
import type { Answer, DemoClient, DemoTarget } from '../../src/cli/demo/check-client.ts';
import { type Data, DataSchema } from '../../src/gen/common/common_pb.js';
import {
  ApplyConfigurationRequestSchema,
  type ApplyConfigurationResponse,
  ApplyConfigurationResponseSchema,
  LogsRequestSchema,
  RebootRequestSchema,
  type RebootResponse,
  RebootResponseSchema,
  type VersionResponse,
  VersionResponseSchema,
} from '../../src/gen/machine/machine_pb.js';

export const paths = {
  version: '/machine.MachineService/Version',
  logs: '/machine.MachineService/Logs',
  reboot: '/machine.MachineService/Reboot',
  applyConfiguration: '/machine.MachineService/ApplyConfiguration',
  containerRun: '/machine.DebugService/ContainerRun',
  get: '/cosi.resource.State/Get',
} as const;

/** Names of the simulated nodes. */
export const cp = 'demo-cp-1';
export const worker = 'demo-worker-1';
export const worker2 = 'demo-worker-2';

export function version(client: DemoClient, target: DemoTarget = { node: worker }): Promise<Answer<VersionResponse>> {
  return client.unary(paths.version, target, EmptySchema, {}, VersionResponseSchema);
}

export function reboot(client: DemoClient, target: DemoTarget = { node: worker }): Promise<Answer<RebootResponse>> {
  return client.unary(paths.reboot, target, RebootRequestSchema, {}, RebootResponseSchema);
}

export function applyConfig(
  client: DemoClient,
  target: DemoTarget,
  request: MessageInitShape<typeof ApplyConfigurationRequestSchema>,
): Promise<Answer<ApplyConfigurationResponse>> {
  const [input, output] = [ApplyConfigurationRequestSchema, ApplyConfigurationResponseSchema];
  return client.unary(paths.applyConfiguration, target, input, request, output);
}

/** Follows the kubelet's log until `enough`, or until the call ends by itself. */
export function followLogs(
  client: DemoClient,
  target: DemoTarget = { node: worker },
  enough: (replies: readonly Data[]) => boolean = () => false,
): Promise<Answer<Data>> {
  const request = { namespace: 'system', id: 'kubelet', follow: true, tailLines: 1 };
  return client.serverStream(paths.logs, target, LogsRequestSchema, request, DataSchema, enough);
}

/** Bytes of a LogsRequest in canonical form. */
export function logsRequest(request: MessageInitShape<typeof LogsRequestSchema>): Buffer {
  return encode(LogsRequestSchema, request);
}

/** Canonical bytes of any message. */
export function encode<T extends DescMessage>(schema: T, init: MessageInitShape<T>): Buffer {
  return Buffer.from(toBinary(schema, create(schema, init)));
}
