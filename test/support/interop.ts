// The messages and the server of gRPC's interoperability tests (grpc/grpc doc/interop-test-descriptions.md,
// src/proto/grpc/testing/messages.proto), as far as the cases here need them.
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import * as grpc from '@grpc/grpc-js';
import type { CallKind } from '../../src/core/method.ts';
import type { Keys, RawServer } from './grpc-js.ts';

const service = '/grpc.testing.TestService';

export const interopPaths = {
  empty: `${service}/EmptyCall`,
  unary: `${service}/UnaryCall`,
  input: `${service}/StreamingInputCall`,
  output: `${service}/StreamingOutputCall`,
  duplex: `${service}/FullDuplexCall`,
  unimplemented: `${service}/UnimplementedCall`,
  otherService: '/grpc.testing.UnimplementedService/UnimplementedCall',
} as const;

/** The catalogue entries of these tests. The other service has none: the gateway does not know it. */
export const interopKinds: ReadonlyMap<string, CallKind> = new Map([
  [interopPaths.empty, 'unary'],
  [interopPaths.unary, 'unary'],
  [interopPaths.input, 'client-streaming'],
  [interopPaths.output, 'server-streaming'],
  [interopPaths.duplex, 'bidi-streaming'],
  [interopPaths.unimplemented, 'unary'],
]);

/** What a request of any of the methods may say. */
export interface InteropRequest {
  /** Size of the one reply, or of each of several. */
  readonly sizes?: readonly number[];
  readonly body?: number;
  readonly status?: { readonly code: number; readonly message: string };
}

/** SimpleRequest. */
export function simpleRequest({ sizes = [], body = 0, status }: InteropRequest): Buffer {
  const writer = new BinaryWriter().tag(2, WireType.Varint).int32(sizes[0] ?? 0);
  return finish(writer, body, status);
}

/** StreamingOutputCallRequest. */
export function outputRequest({ sizes = [], body = 0, status }: InteropRequest): Buffer {
  const writer = new BinaryWriter();
  for (const size of sizes) writer.tag(2, WireType.LengthDelimited).fork().tag(1, WireType.Varint).int32(size).join();
  return finish(writer, body, status);
}

/** StreamingInputCallRequest, SimpleResponse and StreamingOutputCallResponse: a payload in field 1. */
export function payloadMessage(size: number): Buffer {
  return Buffer.from(payload(new BinaryWriter(), 1, size).finish());
}

/** Size of the payload in such a message; of StreamingInputCallResponse, the number in it. */
export function readSize(message: Uint8Array): number {
  const { body, number } = read(message, 1);
  return number ?? body;
}

function finish(writer: BinaryWriter, body: number, status: InteropRequest['status']): Buffer {
  payload(writer, 3, body);
  if (status !== undefined) {
    writer.tag(7, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.Varint).int32(status.code).tag(2, WireType.LengthDelimited).string(status.message).join();
  }
  return Buffer.from(writer.finish());
}

function payload(writer: BinaryWriter, field: number, size: number): BinaryWriter {
  return writer
    .tag(field, WireType.LengthDelimited)
    .fork()
    .tag(2, WireType.LengthDelimited)
    .bytes(Buffer.alloc(size))
    .join();
}

interface Parts {
  body: number;
  number: number | undefined;
  sizes: number[];
  status: { code: number; message: string } | undefined;
}

/** Reads any of the messages; `payloadField` is 1 or 3. */
function read(message: Uint8Array, payloadField: number): Parts {
  const parts: Parts = { body: 0, number: undefined, sizes: [], status: undefined };
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === payloadField && type === WireType.LengthDelimited) parts.body = bodySize(reader.bytes());
    else if (field === 1 && type === WireType.Varint) parts.number = reader.int32();
    else if (field === 2 && type === WireType.Varint) parts.sizes.push(reader.int32());
    else if (field === 2) parts.sizes.push(read(reader.bytes(), 3).number ?? 0);
    else if (field === 7) parts.status = readStatus(reader.bytes());
    else reader.skip(type, field);
  }
  return parts;
}

function bodySize(message: Uint8Array): number {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 2) return reader.bytes().length;
    reader.skip(type, field);
  }
  return 0;
}

function readStatus(message: Uint8Array): { code: number; message: string } {
  const reader = new BinaryReader(message);
  const status = { code: 0, message: '' };
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) status.code = reader.int32();
    else if (field === 2) status.message = reader.string();
    else reader.skip(type, field);
  }
  return status;
}

const asIs = (bytes: Buffer): Buffer => bytes;
const codec = { requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs };
const kind = (path: string, requestStream: boolean, responseStream: boolean) => ({
  ...{ path, requestStream, responseStream },
  ...codec,
});

/** The server of the cases, made with grpc-js. `seen` gets the metadata of every call. */
export async function startInteropServer(keys: Keys, seen: grpc.Metadata[]): Promise<RawServer> {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
  const echo = (call: { metadata: grpc.Metadata; sendMetadata(metadata: grpc.Metadata): void }): grpc.Metadata => {
    seen.push(call.metadata);
    const [initial, trailers] = [new grpc.Metadata(), new grpc.Metadata()];
    for (const value of call.metadata.get(echoed.initial)) initial.add(echoed.initial, value);
    for (const value of call.metadata.get(echoed.trailing)) trailers.add(echoed.trailing, value);
    call.sendMetadata(initial);
    return trailers;
  };
  const unary: grpc.handleUnaryCall<Buffer, Buffer> = (call, done) => {
    const trailers = echo(call);
    const { sizes, status } = read(call.request, 3);
    if (status !== undefined)
      done(Object.assign(new Error(status.message), { ...status, details: status.message, metadata: trailers }));
    else done(null, payloadMessage(sizes[0] ?? 0), trailers);
  };
  const empty: grpc.handleUnaryCall<Buffer, Buffer> = (_call, done) => {
    done(null, Buffer.alloc(0));
  };
  const input: grpc.handleClientStreamingCall<Buffer, Buffer> = (call, done) => {
    let size = 0;
    call.on('data', (message: Buffer) => {
      size += read(message, 1).body;
    });
    call.on('end', () => {
      done(null, Buffer.from(new BinaryWriter().tag(1, WireType.Varint).int32(size).finish()));
    });
  };
  const output: grpc.handleServerStreamingCall<Buffer, Buffer> = call => {
    for (const size of read(call.request, 3).sizes) call.write(payloadMessage(size));
    call.end();
  };
  const duplex: grpc.handleBidiStreamingCall<Buffer, Buffer> = call => {
    const trailers = echo(call);
    call.on('data', (message: Buffer) => {
      const { sizes, status } = read(message, 3);
      if (status !== undefined) call.emit('error', { code: status.code, details: status.message });
      else for (const size of sizes) call.write(payloadMessage(size));
    });
    call.on('end', () => {
      call.end(trailers);
    });
  };
  server.addService(
    {
      empty: kind(interopPaths.empty, false, false),
      unary: kind(interopPaths.unary, false, false),
      input: kind(interopPaths.input, true, false),
      output: kind(interopPaths.output, false, true),
      duplex: kind(interopPaths.duplex, true, true),
    },
    { empty, unary, input, output, duplex },
  );
  const pair = { cert_chain: Buffer.from(keys.certificate), private_key: Buffer.from(keys.key) };
  const credentials = grpc.ServerCredentials.createSsl(Buffer.from(keys.ca), [pair], true);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, at) => {
      if (error === null) resolve(at);
      else reject(error);
    });
  });
  return {
    port,
    server,
    close: () => {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
}

/** Metadata that the server sends back. */
export const echoed = { initial: 'x-grpc-test-echo-initial', trailing: 'x-grpc-test-echo-trailing-bin' } as const;
