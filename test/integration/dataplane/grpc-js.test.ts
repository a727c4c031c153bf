import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { GateError } from '../../../src/core/gate-error.ts';
import { encodeFrame } from '../../../src/core/grpc-frame.ts';
import { statusOf } from '../../../src/core/grpc-status.ts';
import { startListener } from '../../../src/gateway/listener.ts';
import { refuse } from '../../../src/gateway/respond.ts';
import { RawGrpcClient, type RawHandlers, startGrpcJsNode, statusOfStream } from '../../support/grpc-js.ts';
import { type Bridge, createPki, eventually, type Pki, startBridge, startNode, targetOf } from './fixture.ts';

let pki: Pki;
const opened: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  pki = await createPki();
});
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

async function setUp(handlers: RawHandlers): Promise<{ client: RawGrpcClient; bridge: Bridge }> {
  const node = await startGrpcJsNode({ ca: pki.nodes.ca, ...pki.node }, handlers);
  opened.push(node);
  const bridge = await startBridge(pki, targetOf(node.port));
  opened.push(bridge);
  const client = new RawGrpcClient(bridge.listener.port, { ca: pki.clients.ca, ...pki.alice });
  opened.push(client);
  return { client, bridge };
}

/** Rejection as grpc-js makes it. */
async function refusal(call: Promise<unknown>): Promise<grpc.ServiceError> {
  return await call.then(
    () => {
      throw new Error('the call succeeded');
    },
    (error: unknown) => error as grpc.ServiceError,
  );
}

const mib = 1024 * 1024;
const grpcType = { 'content-type': 'application/grpc' } as const;

describe('data plane between grpc-js on both sides', () => {
  it('carries a unary call with metadata and binary trailers', async () => {
    const { client } = await setUp({
      unary: (call, done) => {
        expect(call.metadata.get('talos-role')).toEqual(['os:reader']);
        const trailers = new grpc.Metadata();
        trailers.set('x-answer-bin', Buffer.from([0, 255, 1]));
        done(null, Buffer.concat([call.request, Buffer.from('!')]), trailers);
      },
    });
    expect(String(await client.unary('/t/unary', Buffer.from('hello')))).toBe('hello!');
  });

  it('carries an error with its binary details', async () => {
    const { client } = await setUp({
      unary: (_call, done) => {
        const metadata = new grpc.Metadata();
        metadata.set('grpc-status-details-bin', Buffer.from([8, 9, 18, 0]));
        done({ code: grpc.status.NOT_FOUND, details: 'no ☃ here', metadata });
      },
    });
    const error = await refusal(client.unary('/t/unary', Buffer.alloc(0)));
    expect(error.code).toBe(grpc.status.NOT_FOUND);
    expect(error.details).toBe('no ☃ here');
    expect(error.metadata.get('grpc-status-details-bin')).toEqual([Buffer.from([8, 9, 18, 0])]);
  });

  it('carries client streaming: chunks, half-close, one reply', async () => {
    const { client } = await setUp({
      clientStreaming: (call, done) => {
        let size = 0;
        call.on('data', (chunk: Buffer) => {
          size += chunk.length;
        });
        call.on('end', () => {
          done(null, Buffer.from(String(size)));
        });
      },
    });
    const { call, reply } = client.clientStream('/t/client-streaming');
    for (let i = 0; i < 100; i++) call.write(Buffer.alloc(4096));
    call.end();
    expect(String(await reply)).toBe('409600');
  });

  it('shows the node a cancelled upload as cancelled, not as complete', async () => {
    let complete = false;
    let code: number | undefined;
    // A node of our own: a grpc-js server ends the request stream of a cancelled call like that of a complete one.
    const node = await startNode(pki, ({ stream }) => {
      stream.resume();
      stream.on('end', () => {
        complete = !stream.aborted;
      });
      stream.on('close', () => {
        code = stream.rstCode;
      });
    });
    opened.push({ close: () => node.kill() });
    const bridge = await startBridge(pki, targetOf(node.port));
    opened.push(bridge);
    const client = new RawGrpcClient(bridge.listener.port, { ca: pki.clients.ca, ...pki.alice });
    opened.push(client);
    const { call, reply } = client.clientStream('/t/client-streaming');
    call.write(Buffer.alloc(4096));
    await eventually(() => node.calls.length === 1);
    call.cancel();
    expect((await refusal(reply)).code).toBe(grpc.status.CANCELLED);
    await eventually(() => code !== undefined);
    expect(complete).toBe(false);
    expect(code).toBe(8);
  });

  it('carries server streaming in order until the end', async () => {
    const { client } = await setUp({
      serverStreaming: call => {
        for (let i = 0; i < 500; i++) call.write(Buffer.from(String(i)));
        call.end();
      },
    });
    const call = client.serverStream('/t/server-streaming', Buffer.alloc(0));
    const status = statusOfStream(call);
    const seen: string[] = [];
    call.on('data', (chunk: Buffer) => seen.push(String(chunk)));
    expect((await status).code).toBe(grpc.status.OK);
    expect(seen).toEqual(Array.from({ length: 500 }, (_, i) => String(i)));
  });

  it('carries both directions at once', async () => {
    const { client } = await setUp({
      bidiStreaming: call => {
        call.on('data', (chunk: Buffer) => call.write(Buffer.from(String(chunk).toUpperCase())));
        call.on('end', () => {
          call.end();
        });
      },
    });
    const call = client.bidi('/t/bidi-streaming');
    const status = statusOfStream(call);
    const seen: string[] = [];
    call.on('data', (chunk: Buffer) => {
      seen.push(String(chunk));
      if (seen.length === 3) call.end();
      else call.write(Buffer.from(`m${seen.length}`));
    });
    call.write(Buffer.from('m0'));
    expect((await status).code).toBe(grpc.status.OK);
    expect(seen).toEqual(['M0', 'M1', 'M2']);
  });

  it('passes 31 MiB in one message both ways', async () => {
    const { client } = await setUp({
      unary: (call, done) => {
        done(null, call.request);
      },
    });
    const payload = Buffer.alloc(31 * mib, 7);
    const reply = await client.unary('/t/unary', payload);
    expect(reply.equals(payload)).toBe(true);
  });

  it('refuses a request of 33 MiB with RESOURCE_EXHAUSTED and forwards nothing', async () => {
    let reached = 0;
    const { client } = await setUp({
      unary: (_call, done) => {
        reached++;
        done(null, Buffer.alloc(0));
      },
    });
    const error = await refusal(client.unary('/t/unary', Buffer.alloc(33 * mib)));
    expect(error.code).toBe(grpc.status.RESOURCE_EXHAUSTED);
    expect(reached).toBe(0);
  });

  it('refuses a reply of 33 MiB with RESOURCE_EXHAUSTED', async () => {
    const { client, bridge } = await setUp({
      unary: (_call, done) => {
        done(null, Buffer.alloc(33 * mib));
      },
    });
    const error = await refusal(client.unary('/t/unary', Buffer.alloc(0)));
    expect(error.code).toBe(grpc.status.RESOURCE_EXHAUSTED);
    expect(bridge.results[0]?.endCause).toBe('gateway');
  });

  it('tells the client its deadline has passed and the node that the call is over', async () => {
    let cancelled = false;
    const { client } = await setUp({
      serverStreaming: call => {
        call.write(Buffer.from('first'));
        call.on('cancelled', () => {
          cancelled = true;
        });
      },
    });
    const call = client.serverStream('/t/server-streaming', Buffer.alloc(0), { deadline: Date.now() + 300 });
    const status = statusOfStream(call);
    call.resume();
    expect((await status).code).toBe(grpc.status.DEADLINE_EXCEEDED);
    await eventually(() => cancelled);
  });

  it('lets a slow reader hold the node back', async () => {
    let written = 0;
    const { bridge } = await setUp({
      serverStreaming: call => {
        const chunk = Buffer.alloc(64 * 1024);
        const go = (): void => {
          while (!call.cancelled && written < 256 * mib) {
            written += chunk.length;
            if (!call.write(chunk)) {
              call.once('drain', go);
              return;
            }
          }
          call.end();
        };
        go();
      },
    });
    // Nobody reads: everything that flows sits in a window or a buffer of client, gateway or node.
    const client = await bridge.client({ window: 64 * 1024 });
    opened.push(client);
    const stream = client.session.request({ ':method': 'POST', ':path': '/t/server-streaming', ...grpcType });
    stream.on('error', () => undefined);
    stream.end(encodeFrame(Buffer.alloc(0)));
    await eventually(() => written > 0);
    for (let before = -1; written !== before; ) {
      before = written;
      await new Promise(resolve => setTimeout(resolve, 500));
    }
    expect(written).toBeLessThan(16 * mib);
    stream.resume();
    await eventually(() => written >= 64 * mib);
  });
});

describe('refuse', () => {
  it.each([
    ['before anything was read', false],
    ['after the first message', true],
  ])('shows its status to a client in the middle of an upload, %s', async (_when, read) => {
    const listener = await startListener({
      address: '127.0.0.1:0',
      tls: { ...pki.door, clientCa: pki.clients.ca },
      clock: systemClock,
      onCall: call => {
        const first = read ? call.openBody('client-streaming').readFirst() : Promise.resolve();
        void first.then(() => {
          refuse(call.stream, statusOf(new GateError('denied', 'not for you')));
        });
      },
    });
    opened.push(listener);
    const client = new RawGrpcClient(listener.port, { ca: pki.clients.ca, ...pki.alice });
    opened.push(client);
    const { call, reply } = client.clientStream('/t/client-streaming');
    call.on('error', () => undefined);
    let over = false;
    const push = (): void => {
      if (over) return;
      call.write(Buffer.alloc(32 * 1024));
      setImmediate(push);
    };
    push();
    const error = await refusal(reply);
    over = true;
    expect(error.code).toBe(grpc.status.PERMISSION_DENIED);
    expect(error.details).toBe('not for you');
  });
});
