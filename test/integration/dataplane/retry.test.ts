// Calls that a node certainly did not begin to work on are sent once more (grpc/proposal A6, transparent retries).
import { constants } from 'node:http2';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { encodeFrame } from '../../../src/core/grpc-frame.ts';
import type { H2Node, NodeCallSeen } from '../../support/h2-node.ts';
import { type Bridge, createPki, eventually, type Pki, startBridge, startNode, targetOf } from './fixture.ts';

let pki: Pki;
const opened: { close(): Promise<unknown> }[] = [];

beforeAll(async () => {
  pki = await createPki();
});
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

const { NGHTTP2_REFUSED_STREAM: refused } = constants;

/** Answers with the number of bytes that it got. */
function answer({ stream }: NodeCallSeen): void {
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
  });
  stream.on('end', () => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => {
      stream.sendTrailers({ 'grpc-status': '0' });
    });
    stream.end(encodeFrame(Buffer.from(String(size))));
  });
}

/** Does one thing with each call, the last of them with all that follow. */
async function setUp(...acts: ((call: NodeCallSeen) => void)[]): Promise<{ node: H2Node; bridge: Bridge }> {
  let at = 0;
  const node = await startNode(pki, call => {
    const act = acts[Math.min(at, acts.length - 1)];
    at++;
    act?.(call);
  });
  opened.push({ close: () => node.kill() });
  const bridge = await startBridge(pki, targetOf(node.port));
  opened.push(bridge);
  return { node, bridge };
}

const refuse = ({ stream }: NodeCallSeen): void => {
  stream.close(refused);
};

describe('a call that the node refuses unprocessed', () => {
  it.each(['unary', 'server-streaming'])('is sent once more, whole, and its caller learns nothing: %s', async kind => {
    const { node, bridge } = await setUp(refuse, answer);
    const client = await bridge.client();
    opened.push(client);
    const reply = await client.unary(`/t/${kind}`, Buffer.alloc(1000));
    expect(reply).toMatchObject({ code: 0, messages: [Buffer.from('1005')] });
    expect(node.calls).toHaveLength(2);
    expect(node.calls[0]?.headers).toEqual(node.calls[1]?.headers);
    await eventually(() => bridge.results.length === 1);
    expect(bridge.results[0]).toMatchObject({ endCause: 'server', requestMessages: 1, requestBytes: 1005 });
  });

  it('is not sent a third time', async () => {
    const { node, bridge } = await setUp(refuse);
    const client = await bridge.client();
    opened.push(client);
    const reply = await client.unary('/t/unary', Buffer.alloc(0));
    expect(reply).toMatchObject({ code: 14, message: 'node node-1: connection was lost (REFUSED_STREAM)' });
    expect(node.calls).toHaveLength(2);
  });

  it('is sent once more in the middle of a short upload, and not of a long one', async () => {
    const late = (bytes: number) => (call: NodeCallSeen) => {
      let size = 0;
      call.stream.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size >= bytes) refuse(call);
      });
    };
    const { node, bridge } = await setUp(late(20_000), answer, late(200_000), answer);
    const client = await bridge.client();
    opened.push(client);
    const upload = async (messages: number): Promise<{ code: number | undefined; message: string }> => {
      const call = client.start('/t/client-streaming');
      for (let at = 0; at < messages; at++) call.send(Buffer.alloc(9_995));
      call.stream.end();
      return await call.reply;
    };
    expect(await upload(4)).toMatchObject({ code: 0, messages: [Buffer.from('40000')] });
    expect(node.calls).toHaveLength(2);
    expect((await upload(40)).code).toBe(14);
    expect(node.calls).toHaveLength(3);
  });

  it('is not sent again once the node has begun to answer', async () => {
    const { node, bridge } = await setUp(call => {
      call.stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      setTimeout(() => {
        refuse(call);
      }, 50);
    });
    const client = await bridge.client();
    opened.push(client);
    expect((await client.unary('/t/unary', Buffer.alloc(0))).code).toBe(14);
    expect(node.calls).toHaveLength(1);
  });

  it.each(['CANCEL', 'INTERNAL_ERROR', 'ENHANCE_YOUR_CALM'] as const)('is told from one reset with %s', async name => {
    const { node, bridge } = await setUp(({ stream }) => {
      stream.close(constants[`NGHTTP2_${name}`]);
    });
    const client = await bridge.client();
    opened.push(client);
    expect((await client.unary('/t/unary', Buffer.alloc(0))).code).toBe(14);
    expect(node.calls).toHaveLength(1);
  });

  it('goes over another connection when a GOAWAY says that it was not looked at', async () => {
    const refuseAll = ({ stream }: NodeCallSeen): void => {
      // The first stream was the last that was looked at.
      stream.session?.goaway(0, 1);
    };
    const { node, bridge } = await setUp(answer, refuseAll, answer);
    const client = await bridge.client();
    opened.push(client);
    expect((await client.unary('/t/unary', Buffer.alloc(0))).code).toBe(0);
    const reply = await client.unary('/t/unary', Buffer.alloc(10));
    expect(reply).toMatchObject({ code: 0, messages: [Buffer.from('15')] });
    expect(node.connections).toBe(2);
  });

  it('stays on its connection when a GOAWAY names it as the last', async () => {
    const { node, bridge } = await setUp(call => {
      call.stream.session?.goaway(0);
      answer(call);
    });
    const client = await bridge.client();
    opened.push(client);
    expect((await client.unary('/t/unary', Buffer.alloc(10))).code).toBe(0);
    expect(node.connections).toBe(1);
  });
});
