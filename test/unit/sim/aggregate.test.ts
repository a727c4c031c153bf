import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { DataSchema } from '../../../src/gen/common/common_pb.js';
import { VersionResponseSchema } from '../../../src/gen/machine/machine_pb.js';
import { failureOf, withHostname } from '../../../src/sim/aggregate.ts';
import { SimStatus } from '../../../src/sim/sim-call.ts';

const reply = (tag: string) =>
  toBinary(VersionResponseSchema, create(VersionResponseSchema, { messages: [{ version: { tag } }] }));

test('withHostname marks the only element, and marked replies join by concatenation', () => {
  const joined = Buffer.concat([withHostname(reply('a'), 'n1', false), withHostname(reply('b'), 'n2', false)]);
  const { messages } = fromBinary(VersionResponseSchema, joined);
  expect(messages.map(message => [message.metadata?.hostname, message.version?.tag])).toEqual([
    ['n1', 'a'],
    ['n2', 'b'],
  ]);
});

test('withHostname marks a streamed message at its top level', () => {
  const data = toBinary(DataSchema, create(DataSchema, { bytes: Buffer.from('x') }));
  const marked = fromBinary(DataSchema, withHostname(data, 'n1', true));
  expect([marked.metadata?.hostname, Buffer.from(marked.bytes).toString()]).toEqual(['n1', 'x']);
});

test('withHostname bears a reply without elements', () => {
  expect(fromBinary(VersionResponseSchema, withHostname(Buffer.alloc(0), 'n1', false)).messages).toHaveLength(1);
});

test('withHostname refuses a reply that is not a list of elements', () => {
  expect(() => withHostname(Buffer.from([0x10, 0x01]), 'n1', false)).toThrow('unexpected message format');
});

test('failureOf tells code and text as Go prints them', () => {
  const failure = failureOf('n1', new SimStatus('PERMISSION_DENIED', 'not authorized'), false);
  const [message] = fromBinary(VersionResponseSchema, failure).messages;
  expect(message?.metadata?.error).toBe('rpc error: code = PermissionDenied desc = not authorized');
  expect(message?.metadata?.status?.code).toBe(7);
  const cancelled = fromBinary(DataSchema, failureOf('n1', new SimStatus('CANCELLED', 'x'), true));
  expect(cancelled.metadata?.error).toBe('rpc error: code = Canceled desc = x');
});
