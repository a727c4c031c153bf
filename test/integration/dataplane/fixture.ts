import { systemClock } from '../../../src/core/clock.ts';
import { GateError } from '../../../src/core/gate-error.ts';
import { encodeFrame } from '../../../src/core/grpc-frame.ts';
import { statusOf } from '../../../src/core/grpc-status.ts';
import type { CallKind } from '../../../src/core/method.ts';
import type { RelayResult } from '../../../src/core/relay-result.ts';
import type { Target } from '../../../src/core/target.ts';
import {
  type IncomingCall,
  type Listener,
  type ListenerOptions,
  startListener,
} from '../../../src/gateway/listener.ts';
import { refuse } from '../../../src/gateway/respond.ts';
import { type Channels, createChannels } from '../../../src/upstream/connections.ts';
import { upstreamHeaders } from '../../../src/upstream/metadata.ts';
import { type RelayOptions, relay } from '../../../src/upstream/relay.ts';
import { connectH2, type H2Client, type H2ClientOptions } from '../../support/h2-client.ts';
import { type H2Node, type NodeCallSeen, startH2Node } from '../../support/h2-node.ts';
import { createTestPki, type IssuedCertificate, type TestPki } from '../../support/pki.ts';

/** Certificates of a gateway between clients and nodes, made once per test file. */
export interface Pki {
  readonly clients: TestPki;
  readonly nodes: TestPki;
  readonly door: IssuedCertificate;
  readonly alice: IssuedCertificate;
  readonly node: IssuedCertificate;
  readonly gateway: IssuedCertificate;
}

export async function createPki(): Promise<Pki> {
  const [clients, nodes] = await Promise.all([createTestPki('ed25519', 'people'), createTestPki('ed25519', 'nodes')]);
  const [door, alice, node, gateway] = await Promise.all([
    clients.issue({ commonName: 'gateway', usages: ['server'], ips: ['127.0.0.1'], dns: ['localhost'] }),
    clients.issue({ commonName: 'alice', organizations: ['viewers'] }),
    nodes.issue({ commonName: 'node-1', usages: ['server'], dns: ['node-1'], ips: ['127.0.0.1', '10.0.0.1'] }),
    nodes.issue({ commonName: 'gateway', organizations: ['os:impersonator'] }),
  ]);
  return { clients, nodes, door, alice, node, gateway };
}

export function targetOf(port: number, node = 'node-1', identities: readonly string[] = ['node-1']): Target {
  return { cluster: 'lab', node, dial: `127.0.0.1:${port}`, identities, labels: {}, asked: node };
}

export function channelsFor(
  pki: Pki,
  options: { onEvent?: Parameters<typeof createChannels>[0]['onEvent'] } = {},
): Channels {
  const { certificate, key } = pki.gateway;
  const clusters = [{ cluster: 'lab', ca: pki.nodes.ca, certificate, key }];
  return createChannels({ clusters, clock: systemClock, onEvent: options.onEvent });
}

export function startNode(pki: Pki, onCall: (call: NodeCallSeen) => void, port = 0): Promise<H2Node> {
  return startH2Node({ ...pki.node, clientCa: pki.nodes.ca, port }, onCall);
}

/** What the last segment of a test path says about the call: `/t/unary` and so on. */
export function kindOf(path: string): CallKind {
  const last = path.slice(path.lastIndexOf('/') + 1);
  return last === 'client-streaming' || last === 'server-streaming' || last === 'bidi-streaming' ? last : 'unary';
}

export interface Bridge {
  readonly listener: Listener;
  readonly channels: Channels;
  /** Outcomes of the calls in the order in which they ended. */
  readonly results: RelayResult[];
  client(options?: Partial<H2ClientOptions>): Promise<H2Client>;
  close(): Promise<void>;
}

/** The data plane alone, door and relay without the stages between: every call goes to the one node. */
export async function startBridge(
  pki: Pki,
  target: Target,
  options: {
    readonly relay?: Partial<RelayOptions>;
    readonly limits?: ListenerOptions['limits'];
    /** Called for each call that gets as far as the relay. */
    readonly onRelay?: () => void;
    /** Stands in for the catalogue: other methods are refused. Without it the path tells the kind. */
    readonly kinds?: ReadonlyMap<string, CallKind>;
  } = {},
): Promise<Bridge> {
  const channels = channelsFor(pki);
  const results: RelayResult[] = [];
  const listener = await startListener({
    address: '127.0.0.1:0',
    tls: { ...pki.door, clientCa: pki.clients.ca },
    clock: systemClock,
    limits: options.limits,
    onCall: call => {
      passOn(call, target, channels, options).then(
        result => results.push(result),
        (error: unknown) => {
          refuse(call.stream, statusOf(GateError.from(error)));
        },
      );
    },
  });
  return {
    listener,
    channels,
    results,
    client: more => connectH2({ port: listener.port, ca: pki.clients.ca, ...pki.alice, ...more }),
    close: async () => {
      await Promise.all([listener.close(), channels.close()]);
    },
  };
}

async function passOn(
  call: IncomingCall,
  target: Target,
  channels: Channels,
  { relay: more = {}, onRelay, kinds }: NonNullable<Parameters<typeof startBridge>[2]>,
): Promise<RelayResult> {
  const { head } = call;
  if (!head.ok) throw head.error;
  const kind = kinds === undefined ? kindOf(head.path) : kinds.get(head.path);
  if (kind === undefined) throw new GateError('unknown-method', 'no such method');
  const body = call.openBody(kind);
  // The gateway itself decides on the first message and refuses a stream without one; the relay can do without.
  const first = kinds === undefined || !/^(client|bidi)-/.test(kind) ? await body.readFirst() : undefined;
  const channel = await channels.acquire(target);
  onRelay?.();
  return await relay({
    downstream: call.stream,
    channel,
    again: () => channels.acquire(target),
    headers: upstreamHeaders({
      path: head.path,
      authority: target.node,
      callId: 'call-1',
      roles: ['os:reader'],
      timeoutMs: head.timeoutMs,
      encoding: head.encoding,
      acceptEncoding: head.acceptEncoding,
    }),
    firstFrame: first === undefined ? undefined : encodeFrame(first),
    body,
    deadline: head.timeoutMs === undefined ? undefined : call.receivedAt + head.timeoutMs,
    clock: systemClock,
    ...more,
  });
}

/** Resolves when the condition holds; fails the test when it does not within two seconds. */
export async function eventually(condition: () => boolean): Promise<void> {
  const until = Date.now() + 2000;
  while (!condition()) {
    if (Date.now() > until) throw new Error('it did not come true within 2 s');
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}
