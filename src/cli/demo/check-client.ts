import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';

/** What a person of the demo proves themselves with. */
export interface DemoCredential {
  readonly ca: Buffer;
  readonly certificate?: Buffer;
  readonly key?: Buffer;
  /** JWT, sent as the password of basic authentication, the way a stock talosctl can. */
  readonly token?: string;
}

/** The target keys: talosctl up to 1.13 sends `nodes`, later ones `node`. */
export interface DemoTarget {
  readonly node?: string;
  readonly nodes?: readonly string[];
}

export interface Answer<T> {
  /** gRPC status code; 0 is OK. */
  readonly code: number;
  readonly message: string;
  readonly replies: readonly T[];
  readonly milliseconds: number;
}

/** A small stand-in for talosctl, on a gRPC stack that the gateway's data plane shares no code with. */
export class DemoClient {
  readonly #client: Client;
  readonly #token: string | undefined;

  constructor(address: string, credential: DemoCredential) {
    const channel = credentials.createSsl(credential.ca, credential.key ?? null, credential.certificate ?? null);
    this.#client = new Client(address, channel, {
      'grpc.max_receive_message_length': 32 * 1024 * 1024,
      'grpc.use_local_subchannel_pool': 1,
      // grpc-js puts the host into the TLS server name, which must not be an IP address on current Node.
      'grpc.ssl_target_name_override': 'localhost',
    });
    this.#token = credential.token;
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    path: string,
    target: DemoTarget,
    input: I,
    request: MessageInitShape<I>,
    output: O,
  ): Promise<Answer<MessageShape<O>>> {
    const started = performance.now();
    return await new Promise(resolve => {
      this.#client.makeUnaryRequest(
        path,
        (message: MessageShape<I>) => Buffer.from(toBinary(input, message)),
        bytes => fromBinary(output, bytes),
        create(input, request),
        this.#metadata(target),
        { deadline: Date.now() + 20_000 },
        (error, reply) => resolve(answer(error, reply === undefined ? [] : [reply], started)),
      );
    });
  }

  /** Reads a server stream until it ends, or until `enough` says so and the call is cancelled. */
  async serverStream<I extends DescMessage, O extends DescMessage>(
    path: string,
    target: DemoTarget,
    input: I,
    request: MessageInitShape<I>,
    output: O,
    enough: (replies: readonly MessageShape<O>[]) => boolean,
  ): Promise<Answer<MessageShape<O>>> {
    const started = performance.now();
    const replies: MessageShape<O>[] = [];
    const stream: ClientReadableStream<MessageShape<O>> = this.#client.makeServerStreamRequest(
      path,
      (message: MessageShape<I>) => Buffer.from(toBinary(input, message)),
      bytes => fromBinary(output, bytes),
      create(input, request),
      this.#metadata(target),
      { deadline: Date.now() + 20_000 },
    );
    return await new Promise(resolve => {
      stream.on('data', (reply: MessageShape<O>) => {
        replies.push(reply);
        if (enough(replies)) {
          stream.cancel();
          resolve({ code: 0, message: '', replies, milliseconds: performance.now() - started });
        }
      });
      stream.on('error', (error: ServiceError) => resolve(answer(error, replies, started)));
      stream.on('end', () => resolve(answer(null, replies, started)));
    });
  }

  bidi<I extends DescMessage, O extends DescMessage>(
    path: string,
    target: DemoTarget,
    input: I,
    output: O,
  ): ClientDuplexStream<MessageShape<I>, MessageShape<O>> {
    return this.#client.makeBidiStreamRequest(
      path,
      (message: MessageShape<I>) => Buffer.from(toBinary(input, message)),
      bytes => fromBinary(output, bytes),
      this.#metadata(target),
      { deadline: Date.now() + 60_000 },
    );
  }

  close(): void {
    this.#client.close();
  }

  #metadata(target: DemoTarget): Metadata {
    const metadata = new Metadata();
    metadata.set('runtime', 'Talos');
    if (target.node !== undefined) metadata.set('node', target.node);
    for (const node of target.nodes ?? []) metadata.add('nodes', node);
    if (this.#token !== undefined) {
      metadata.set('authorization', `Basic ${Buffer.from(`jwt:${this.#token}`).toString('base64')}`);
    }
    return metadata;
  }
}

function answer<T>(error: ServiceError | null, replies: readonly T[], started: number): Answer<T> {
  return {
    code: error === null ? 0 : error.code,
    message: error === null ? '' : error.details,
    replies,
    milliseconds: performance.now() - started,
  };
}
