// A caller of simulated nodes that shares no code with them but the messages.
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Client, type ClientDuplexStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { systemClock } from '../../../../src/core/clock.ts';
import { type SimCluster, type SimNode, type SimNodeSettings, startSimCluster } from '../../../../src/sim/sim.ts';
import { createTestPki, type IssuedCertificate, type TestPki } from '../../../support/pki.ts';

export interface Who {
  readonly organizations?: readonly string[];
  readonly usages?: readonly ('client' | 'server')[];
}

/** A test's cluster, its CA, and callers. */
export interface SimWorld {
  readonly cluster: SimCluster;
  readonly pki: TestPki;
  node(name: string): SimNode;
  client(node: string, who?: Who): Promise<SimClient>;
  close(): Promise<void>;
}

const fast = { shutdown: 40, grace: 40, away: 60, boot: 40, step: 4 };

/** One control-plane node `cp` and two workers, with everything that takes time made short. */
export async function openSimWorld(settings: Partial<SimNodeSettings> = {}): Promise<SimWorld> {
  const pki = await createTestPki();
  const names = [
    ['cp', 'controlplane', '10.5.0.2'],
    ['w1', 'worker', '10.5.0.3'],
    ['w2', 'worker', '10.5.0.4'],
  ] as const;
  const nodes = await Promise.all(
    names.map(async ([name, role, address]) => {
      const issued = await pki.issue({
        commonName: name,
        ips: [address, '127.0.0.1'],
        dns: [name],
        usages: ['server'],
      });
      const tls = { ...issued, clientCa: pki.ca };
      return {
        name,
        cluster: 'demo',
        role,
        address,
        listen: '127.0.0.1:0',
        tls,
        timing: fast,
        logRate: 50,
        ...settings,
      };
    }),
  );
  const cluster = await startSimCluster({ clock: systemClock, nodes });
  const clients: SimClient[] = [];
  const node = (name: string): SimNode => {
    const found = cluster.nodes.find(one => one.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  };
  return {
    cluster,
    pki,
    node,
    async client(name, who = {}) {
      const { organizations = ['os:admin'], usages = ['client'] } = who;
      const issued = await pki.issue({ commonName: 'tester', organizations, usages });
      const made = new SimClient(node(name), pki.ca, issued);
      clients.push(made);
      return made;
    },
    async close() {
      for (const client of clients) client.close();
      await cluster.close();
    },
  };
}

export type Headers = readonly (readonly [name: string, value: string])[];

/** What came back, and how it ended. */
export interface Outcome<O extends DescMessage> {
  readonly replies: readonly MessageShape<O>[];
  readonly code: number;
  readonly message: string;
  readonly trailers: Metadata;
}

/** A running call of any kind. */
export interface OpenCall<I extends DescMessage, O extends DescMessage> {
  send(request: MessageInitShape<I>): void;
  halfClose(): void;
  cancel(): void;
  /** Stops reading, so that the transport's windows fill up. */
  pause(): void;
  /** Replies so far; grows. */
  readonly replies: readonly MessageShape<O>[];
  readonly outcome: Promise<Outcome<O>>;
}

type Method<I extends DescMessage, O extends DescMessage> = DescMethod & { readonly input: I; readonly output: O };

export class SimClient {
  readonly #client: Client;

  constructor(
    node: Pick<SimNode, 'name' | 'dial'>,
    ca: string,
    issued: IssuedCertificate,
    options: Readonly<Record<string, number>> = {},
  ) {
    const [root, key, certificate] = [ca, issued.key, issued.certificate].map(text => Buffer.from(text));
    const secure = credentials.createSsl(root ?? null, key ?? null, certificate ?? null);
    this.#client = new Client(node.dial, secure, {
      // grpc-js would ask for the address by SNI, which Node refuses.
      'grpc.ssl_target_name_override': node.name,
      'grpc.max_receive_message_length': 64 * 1024 * 1024,
      'grpc.max_send_message_length': -1,
      'grpc.initial_reconnect_backoff_ms': 20,
      'grpc.max_reconnect_backoff_ms': 50,
      ...options,
    });
  }

  /** One request, every reply. */
  call<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    request: MessageInitShape<I>,
    headers: Headers = [],
  ): Promise<Outcome<O>> {
    const open = this.open(method, headers);
    open.send(request);
    open.halfClose();
    return open.outcome;
  }

  open<I extends DescMessage, O extends DescMessage>(method: Method<I, O>, headers: Headers = []): OpenCall<I, O> {
    const metadata = new Metadata();
    for (const [name, value] of headers) metadata.add(name, value);
    const replies: MessageShape<O>[] = [];
    const stream: ClientDuplexStream<Buffer, Buffer> = this.#client.makeBidiStreamRequest(
      `/${method.parent.typeName}/${method.name}`,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      metadata,
    );
    stream.on('data', (bytes: Buffer) => replies.push(fromBinary(method.output, bytes)));
    const outcome = new Promise<Outcome<O>>(resolve => {
      stream.on('error', (error: ServiceError) => {
        resolve({ replies, code: error.code, message: error.details, trailers: error.metadata });
      });
      stream.on('status', (status: { code: number; details: string; metadata: Metadata }) => {
        resolve({ replies, code: status.code, message: status.details, trailers: status.metadata });
      });
    });
    return {
      replies,
      outcome,
      send: request => stream.write(Buffer.from(toBinary(method.input, create(method.input, request)))),
      halfClose: () => stream.end(),
      pause: () => stream.pause(),
      cancel: () => {
        stream.cancel();
      },
    };
  }

  close(): void {
    this.#client.close();
  }
}

/** Waits until the condition holds; fails after five seconds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (condition()) return;
    await new Promise(resolve => setTimeout(resolve, 10));
  }
  throw new Error('the condition never came true');
}
