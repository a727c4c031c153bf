import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  encodeDebugExit,
  encodeDebugStdout,
  parseDebugInput,
  parseDebugOutput,
} from '../../../src/catalog/debug-stream.ts';
import { inspectRequest } from '../../../src/catalog/inspect-request.ts';
import { createStreamGuard } from '../../../src/catalog/stream-guard.ts';
import { DebugContainerRunRequestSchema } from '../../../src/gen/machine/debug_pb.js';
import { catalog, methodAt, openDigest, refusal } from './support.ts';
import { bytes, field, number } from './wire.ts';

const debug = '/machine.DebugService/ContainerRun';
const imports = '/machine.ImageService/Import';
const recover = '/machine.MachineService/EtcdRecover';

const spec = field(1, field(2, 'x'));
const stdin = field(2, 'ls\n');
const signal = number(3, 15);
const resize = field(4, number(1, 80), number(2, 24));
const containerd = field(1, number(1, 1));
const chunk = field(2, field(2, 'tar'));

function guard(path: string): (payload: Uint8Array) => void {
  const check = createStreamGuard(methodAt(path));
  if (check === undefined) throw new Error(`${path} has no guard`);
  return check;
}

describe('createStreamGuard', () => {
  it('watches exactly the methods whose client streams', () => {
    const watched = catalog.methods.filter(method => createStreamGuard(method) !== undefined);
    const streaming = catalog.methods.filter(method => ['client-streaming', 'bidi-streaming'].includes(method.kind));
    expect(watched).toEqual(streaming);
    expect(watched.map(method => method.path)).toEqual([debug, imports, recover]);
  });

  it.each([
    ['input to a debug container', debug, stdin],
    ['no input to a debug container', debug, field(2)],
    ['a signal to a debug container', debug, signal],
    ['a new size of a terminal', debug, resize],
    ['a chunk of an image', imports, chunk],
    ['an empty chunk of an image', imports, field(2)],
    ['a chunk of a snapshot', recover, field(2, 'db')],
    ['an empty chunk of a snapshot', recover, bytes()],
  ])('lets pass %s', (_, path, payload) => {
    expect(() => guard(path)(payload)).not.toThrow();
  });

  it.each([
    ['a second spec', debug, spec, 'field 1 (spec) is not accepted here, only stdin_data, signal, term_resize'],
    ['a spec beside input', debug, bytes(stdin, spec), 'field 1 (spec) is not accepted here'],
    ['two members', debug, bytes(stdin, signal), 'comes twice or beside another member'],
    ['nothing', debug, bytes(), 'carries nothing, expected stdin_data or signal or term_resize'],
    ['an unknown field', debug, bytes(stdin, number(9, 1)), 'unknown field 9'],
    [
      'an unknown field in a size',
      debug,
      field(4, number(9, 1)),
      'DebugContainerTerminalResize has an unknown field 9',
    ],
    ['a second containerd', imports, containerd, 'field 1 (containerd) is not accepted here'],
    ['a containerd beside a chunk', imports, bytes(chunk, containerd), 'field 1 (containerd) is not accepted here'],
    [
      'metadata in a chunk',
      imports,
      field(2, field(1, field(1, 'n1'))),
      'common.Data field 1 (metadata) is not accepted here',
    ],
    ['nothing for a chunk', imports, bytes(), 'carries nothing, expected image_chunk'],
    ['metadata of a snapshot', recover, field(1), 'common.Data field 1 (metadata) is not accepted here'],
  ])('refuses %s', (_, path, payload, complaint) => {
    const { code, message } = refusal(() => {
      guard(path)(payload);
    });
    expect(code).toBe('malformed-message');
    expect(message).toContain(complaint);
  });
});

describe('inspectRequest on the first message of a stream', () => {
  it.each([
    ['input before the spec', debug, stdin, 'field 2 (stdin_data) is not accepted here, only spec'],
    ['an empty message before the spec', debug, bytes(), 'carries nothing, expected spec'],
    ['a chunk before the containerd', imports, chunk, 'field 2 (image_chunk) is not accepted here, only containerd'],
    ['an empty message before the containerd', imports, bytes(), 'carries nothing, expected containerd'],
    [
      'metadata of a snapshot',
      recover,
      field(1, field(1, 'n1')),
      'field 1 (metadata) is not accepted here, only bytes',
    ],
  ])('refuses %s', (_, path, payload, complaint) => {
    const { code, message } = refusal(() => inspectRequest(methodAt(path), payload, openDigest));
    expect(code).toBe('malformed-message');
    expect(message).toContain(complaint);
  });

  it('takes an upload of a snapshot for what it is', () => {
    expect(inspectRequest(methodAt(recover), field(2, 'secret'), openDigest)).toMatchObject({
      action: 'etcd.recover-upload',
      resource: 'etcd',
      summary: {},
    });
  });
});

describe('parseDebugInput', () => {
  it('tells the kinds of input apart', () => {
    expect(parseDebugInput(stdin)).toEqual({ kind: 'stdin', data: Buffer.from('ls\n') });
    expect(parseDebugInput(signal)).toEqual({ kind: 'signal', signal: 15 });
    expect(parseDebugInput(resize)).toEqual({ kind: 'resize', width: 80, height: 24 });
    expect(parseDebugInput(spec)).toEqual({ kind: 'spec' });
  });

  it('reads what an encoder writes', () => {
    const message = create(DebugContainerRunRequestSchema, { request: { case: 'signal', value: -1 } });
    expect(parseDebugInput(toBinary(DebugContainerRunRequestSchema, message))).toEqual({ kind: 'signal', signal: -1 });
  });

  it('refuses nothing, two members and noise', () => {
    for (const payload of [bytes(), bytes(stdin, signal), bytes(0xff)]) {
      expect(refusal(() => parseDebugInput(payload)).code).toBe('malformed-message');
    }
  });
});

describe('parseDebugOutput', () => {
  it('reads back what the encoders write', () => {
    const data = Buffer.from('hello\r\n');
    expect(parseDebugOutput(encodeDebugStdout(data))).toEqual({ kind: 'stdout', data });
    expect(parseDebugOutput(encodeDebugExit(0))).toEqual({ kind: 'exit', code: 0 });
    expect(parseDebugOutput(encodeDebugExit(129))).toEqual({ kind: 'exit', code: 129 });
  });

  it('reads as the client does: the last member counts, newer fields are passed over', () => {
    expect(parseDebugOutput(bytes(field(2, 'a'), number(3, 7)))).toEqual({ kind: 'exit', code: 7 });
    expect(parseDebugOutput(number(9, 1))).toEqual({ kind: 'other' });
    expect(parseDebugOutput(bytes())).toEqual({ kind: 'other' });
  });

  it('refuses bytes that are no message', () => {
    expect(refusal(() => parseDebugOutput(bytes(0x12, 0x05, 'a'))).code).toBe('malformed-message');
  });
});

describe('encodeDebugStdout and encodeDebugExit', () => {
  it('write the fields that talosctl reads', () => {
    expect(encodeDebugStdout(Buffer.from('x')).toString('hex')).toBe('120178');
    expect(encodeDebugExit(130).toString('hex')).toBe('188201');
  });
});
