// @grpc/grpc-js as an independent gRPC stack, with messages as plain bytes.
import * as grpc from '@grpc/grpc-js';
import { maxMessageBytes } from '../../src/core/grpc.ts';

const asIs = (bytes: Buffer): Buffer => bytes;

const sizes = { 'grpc.max_receive_message_length': maxMessageBytes, 'grpc.max_send_message_length': -1 };

/** Handlers by kind; each kind is served under `/t/<kind>`. */
export interface RawHandlers {
  readonly unary?: grpc.handleUnaryCall<Buffer, Buffer>;
  readonly clientStreaming?: grpc.handleClientStreamingCall<Buffer, Buffer>;
  readonly serverStreaming?: grpc.handleServerStreamingCall<Buffer, Buffer>;
  readonly bidiStreaming?: grpc.handleBidiStreamingCall<Buffer, Buffer>;
}

export interface RawServer {
  readonly port: number;
  readonly server: grpc.Server;
  close(): Promise<void>;
}

export interface Keys {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** A node that speaks gRPC through grpc-js and asks for a client certificate of the CA. */
export async function startGrpcJsNode(keys: Keys, handlers: RawHandlers, port = 0): Promise<RawServer> {
  const server = new grpc.Server(sizes);
  const codec = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  server.addService(
    {
      unary: { path: '/t/unary', requestStream: false, responseStream: false, ...codec },
      clientStreaming: { path: '/t/client-streaming', requestStream: true, responseStream: false, ...codec },
      serverStreaming: { path: '/t/server-streaming', requestStream: false, responseStream: true, ...codec },
      bidiStreaming: { path: '/t/bidi-streaming', requestStream: true, responseStream: true, ...codec },
    },
    { ...handlers },
  );
  const pair = { cert_chain: Buffer.from(keys.certificate), private_key: Buffer.from(keys.key) };
  const credentials = grpc.ServerCredentials.createSsl(Buffer.from(keys.ca), [pair], true);
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, at) => {
      if (error === null) resolve(at);
      else reject(error);
    });
  });
  return {
    port: bound,
    server,
    close: () => {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
}

/** A client that speaks gRPC through grpc-js. */
export class RawGrpcClient {
  readonly #client: grpc.Client;

  constructor(port: number, keys: Keys) {
    const credentials = grpc.credentials.createSsl(
      Buffer.from(keys.ca),
      Buffer.from(keys.key),
      Buffer.from(keys.certificate),
    );
    this.#client = new grpc.Client(`127.0.0.1:${port}`, credentials, {
      ...sizes,
      // grpc-js gives the address to TLS as server name, which Node 26 refuses for an IP.
      'grpc.ssl_target_name_override': 'localhost',
    });
  }

  unary(
    path: string,
    payload: Buffer,
    metadata = new grpc.Metadata(),
    options: grpc.CallOptions = {},
  ): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(path, asIs, asIs, payload, metadata, options, (error, value) => {
        if (error === null) resolve(value ?? Buffer.alloc(0));
        else reject(error);
      });
    });
  }

  /** The stream to write to, and the reply. */
  clientStream(path: string): { readonly call: grpc.ClientWritableStream<Buffer>; readonly reply: Promise<Buffer> } {
    let settle: (error: grpc.ServiceError | null, value?: Buffer) => void = () => undefined;
    const reply = new Promise<Buffer>((resolve, reject) => {
      settle = (error, value) => {
        if (error === null) resolve(value ?? Buffer.alloc(0));
        else reject(error);
      };
    });
    const call = this.#client.makeClientStreamRequest(path, asIs, asIs, new grpc.Metadata(), {}, (error, value) => {
      settle(error, value);
    });
    return { call, reply };
  }

  serverStream(path: string, payload: Buffer, options: grpc.CallOptions = {}): grpc.ClientReadableStream<Buffer> {
    return this.#client.makeServerStreamRequest(path, asIs, asIs, payload, new grpc.Metadata(), options);
  }

  bidi(path: string, options: grpc.CallOptions = {}): grpc.ClientDuplexStream<Buffer, Buffer> {
    return this.#client.makeBidiStreamRequest(path, asIs, asIs, new grpc.Metadata(), options);
  }

  close(): Promise<void> {
    this.#client.close();
    return Promise.resolve();
  }
}

/** The status with which a stream ends. Reads nothing by itself. */
export function statusOfStream(call: NodeJS.EventEmitter): Promise<grpc.StatusObject> {
  call.on('error', () => undefined);
  return new Promise(resolve => call.once('status', resolve));
}
