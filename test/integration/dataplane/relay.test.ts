import { constants } from 'node:http2';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { GateError } from '../../../src/core/gate-error.ts';
import { grpcCodes } from '../../../src/core/grpc.ts';
import { encodeFrame } from '../../../src/core/grpc-frame.ts';
import type { RelayOptions } from '../../../src/upstream/relay.ts';
import { field, fields, type H2Client } from '../../support/h2-client.ts';
import { connectRaw, frame, frameFlags, frameTypes, grpcHead, uint32 } from '../../support/h2-frames.ts';
import type { H2Node, NodeCallSeen } from '../../support/h2-node.ts';
import { type Bridge, createPki, eventually, type Pki, startBridge, startNode, targetOf } from './fixture.ts';

let pki: Pki;
const opened: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  pki = await createPki();
});
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});
afterAll(() => {
  expect(opened).toEqual([]);
});

interface Setup {
  readonly node: H2Node;
  readonly bridge: Bridge;
  readonly client: H2Client;
}

async function setUp(onCall: (call: NodeCallSeen) => void, relay: Partial<RelayOptions> = {}): Promise<Setup> {
  const node = await startNode(pki, onCall);
  opened.push({ close: () => node.kill() });
  const bridge = await startBridge(pki, targetOf(node.port), { relay });
  opened.push(bridge);
  const client = await bridge.client();
  opened.push(client);
  return { node, bridge, client };
}

const ok = { ':status': 200, 'content-type': 'application/grpc' } as const;

/** Answers with the given frames and trailers once the request is complete. */
function answer(call: NodeCallSeen, frames: Buffer[], trailers: Record<string, string | string[]>): void {
  call.stream.resume();
  call.stream.respond(ok, { waitForTrailers: true });
  call.stream.on('wantTrailers', () => {
    call.stream.sendTrailers(trailers);
  });
  call.stream.end(Buffer.concat(frames));
}

describe('relay', () => {
  it('passes a unary call, with trailers byte for byte and the counts of both directions', async () => {
    const details = Buffer.from([0, 1, 2, 250, 255]).toString('base64');
    const { client, bridge } = await setUp(call => {
      answer(call, [encodeFrame(Buffer.from('pong'))], {
        'grpc-status': '9',
        'grpc-message': 'h%C3%A4?',
        'grpc-status-details-bin': details,
        'x-more': ['a', 'b'],
      });
    });
    const reply = await client.unary('/t/unary', Buffer.from('ping'));
    expect(reply.messages.map(String)).toEqual(['pong']);
    expect(reply.code).toBe(grpcCodes.FAILED_PRECONDITION);
    expect(field(reply.trailers, 'grpc-message')).toBe('h%C3%A4?');
    expect(field(reply.trailers, 'grpc-status-details-bin')).toBe(details);
    expect(fields(reply.trailers, 'x-more')).toEqual(['a', 'b']);
    expect(bridge.results).toEqual([
      {
        status: { code: 9, message: 'hä?', details: Buffer.from([0, 1, 2, 250, 255]) },
        endCause: 'server',
        requestBytes: 9,
        requestMessages: 1,
        responseBytes: 9,
        responseMessages: 1,
        forwarded: true,
      },
    ]);
  });

  it('sends the node a header block built from nothing', async () => {
    const { client, node } = await setUp(call => {
      answer(call, [], { 'grpc-status': '0' });
    });
    await client.unary('/t/unary', Buffer.alloc(0), [
      ['talos-role', 'os:admin'],
      ['proxyfrom', '10.0.0.9'],
      ['authorization', 'Basic c2VjcmV0'],
      ['node', 'node-1'],
      ['runtime', 'Talos'],
      ['x-anything', 'else'],
      ['grpc-timeout', '5S'],
    ]);
    expect(node.calls[0]?.headers).toEqual([
      ...[':method', 'POST', ':scheme', 'https', ':authority', 'node-1', ':path', '/t/unary'],
      ...['content-type', 'application/grpc', 'te', 'trailers', 'user-agent', 'talosgate/0.1.0'],
      ...['x-talosgate-call-id', 'call-1', 'talos-role', 'os:reader', 'grpc-timeout', '5000m'],
    ]);
  });

  it('passes an answer without body as such', async () => {
    const { client } = await setUp(call => {
      call.stream.respond({ ...ok, 'grpc-status': '7', 'grpc-message': 'no' }, { endStream: true });
    });
    const reply = await client.unary('/t/unary');
    expect(reply.code).toBe(grpcCodes.PERMISSION_DENIED);
    expect(reply.message).toBe('no');
    expect(reply.trailers).toEqual([]);
  });

  it('keeps data that arrives together with the response headers', async () => {
    const { client } = await setUp(call => {
      call.stream.session?.socket.cork();
      answer(call, [encodeFrame(Buffer.from('first')), encodeFrame(Buffer.from('second'))], { 'grpc-status': '0' });
      setTimeout(() => call.stream.session?.socket.uncork(), 20);
    });
    const reply = await client.unary('/t/server-streaming');
    expect(reply.messages.map(String)).toEqual(['first', 'second']);
    expect(reply.code).toBe(0);
  });

  it('passes half-close and messages both ways while the call goes on', async () => {
    const { client } = await setUp(call => {
      call.stream.respond(ok, { waitForTrailers: true });
      call.stream.on('wantTrailers', () => {
        call.stream.sendTrailers({ 'grpc-status': '0' });
      });
      call.stream.on('data', (chunk: Buffer) => call.stream.write(chunk));
      call.stream.on('end', () => call.stream.end());
    });
    const call = client.start('/t/bidi-streaming');
    call.send(Buffer.from('one'));
    await call.received(1);
    call.send(Buffer.from('two'));
    await call.received(2);
    call.stream.end();
    const reply = await call.reply;
    expect(reply.messages.map(String)).toEqual(['one', 'two']);
    expect(reply.code).toBe(0);
  });

  it('resets the node at once when the caller resets', async () => {
    let code: number | undefined;
    const { client, bridge } = await setUp(call => {
      call.stream.respond(ok, { waitForTrailers: true });
      call.stream.write(encodeFrame(Buffer.from('line')));
      call.stream.on('close', () => {
        code = call.stream.rstCode;
      });
    });
    const call = client.start('/t/server-streaming');
    call.stream.end(encodeFrame(Buffer.alloc(0)));
    await call.received(1);
    call.cancel();
    await eventually(() => code !== undefined);
    expect(code).toBe(constants.NGHTTP2_CANCEL);
    await eventually(() => bridge.results.length === 1);
    expect(bridge.results[0]).toMatchObject({ endCause: 'client', status: { code: grpcCodes.CANCELLED } });
  });

  it('does not take a reset with NO_ERROR in the middle of an upload for its end', async () => {
    let halfClosed = false;
    let gone = false;
    const { bridge } = await setUp(call => {
      call.stream.resume();
      call.stream.on('end', () => {
        halfClosed = !call.stream.aborted;
      });
      call.stream.on('close', () => {
        gone = true;
      });
    });
    // By hand: node:http2 half-closes before such a reset.
    const raw = await connectRaw(bridge.listener.port, pki.clients.ca);
    opened.push(raw);
    raw.send(
      frame(frameTypes.headers, frameFlags.endHeaders, 1, grpcHead('/t/client-streaming')),
      frame(frameTypes.data, 0, 1, encodeFrame(Buffer.from('first chunk'))),
    );
    await new Promise(resolve => setTimeout(resolve, 50));
    raw.send(frame(frameTypes.rstStream, 0, 1, uint32(constants.NGHTTP2_NO_ERROR)));
    await eventually(() => gone);
    expect(halfClosed).toBe(false);
  });

  it.each([
    ['CANCEL', constants.NGHTTP2_CANCEL],
    ['INTERNAL_ERROR', constants.NGHTTP2_INTERNAL_ERROR],
    ['NO_ERROR', constants.NGHTTP2_NO_ERROR],
    ['REFUSED_STREAM', constants.NGHTTP2_REFUSED_STREAM],
  ])('says UNAVAILABLE when the node resets the stream with %s', async (_name, code) => {
    const { client, bridge } = await setUp(call => {
      call.stream.respond(ok);
      call.stream.write(encodeFrame(Buffer.from('line')));
      setTimeout(() => {
        call.stream.close(code);
      }, 20);
    });
    const reply = await client.unary('/t/server-streaming');
    expect(reply.code).toBe(grpcCodes.UNAVAILABLE);
    expect(bridge.results[0]?.endCause).toBe('upstream-lost');
  });

  it('says UNAVAILABLE when the node ends without a status', async () => {
    const { client } = await setUp(call => {
      call.stream.respond(ok);
      call.stream.end(encodeFrame(Buffer.from('line')));
    });
    const reply = await client.unary('/t/server-streaming');
    expect(reply.code).toBe(grpcCodes.UNAVAILABLE);
  });

  it('says UNAVAILABLE for an answer that is not gRPC', async () => {
    const { client } = await setUp(call => {
      call.stream.respond({ ':status': 404, 'content-type': 'text/html' });
      call.stream.end('nothing here');
    });
    const reply = await client.unary('/t/unary');
    expect(reply.code).toBe(grpcCodes.UNAVAILABLE);
    expect(reply.message).toContain('404');
  });

  it('ends with UNAVAILABLE and without half a message when the node dies in the middle of one', async () => {
    const { client, node } = await setUp(call => {
      call.stream.respond(ok, { waitForTrailers: true });
      call.stream.write(
        Buffer.concat([encodeFrame(Buffer.from('whole')), encodeFrame(Buffer.alloc(60_000)).subarray(0, 30_000)]),
      );
      setTimeout(() => void node.kill(), 50);
    });
    const chunks: Buffer[] = [];
    const call = client.start('/t/server-streaming');
    call.stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    call.stream.end(encodeFrame(Buffer.alloc(0)));
    const reply = await call.reply;
    expect(reply.code).toBe(grpcCodes.UNAVAILABLE);
    expect(Buffer.concat(chunks)).toEqual(encodeFrame(Buffer.from('whole')));
    expect(reply.reset).toBe(0);
  });

  it('gives DEADLINE_EXCEEDED and resets the node when the deadline passes', async () => {
    let code: number | undefined;
    const { client, bridge } = await setUp(call => {
      call.stream.on('close', () => {
        code = call.stream.rstCode;
      });
    });
    const reply = await client.unary('/t/unary', Buffer.alloc(0), [['grpc-timeout', '100m']]);
    expect(reply.code).toBe(grpcCodes.DEADLINE_EXCEEDED);
    await eventually(() => code !== undefined);
    expect(code).toBe(constants.NGHTTP2_CANCEL);
    expect(bridge.results[0]?.endCause).toBe('deadline');
  });

  it('gives the status of the GateError with which the gateway aborts', async () => {
    const kill = new AbortController();
    let code: number | undefined;
    const { client, bridge } = await setUp(
      call => {
        call.stream.respond(ok, { waitForTrailers: true });
        call.stream.write(encodeFrame(Buffer.from('line')));
        call.stream.on('close', () => {
          code = call.stream.rstCode;
        });
      },
      { signal: kill.signal },
    );
    const call = client.start('/t/server-streaming');
    call.stream.end(encodeFrame(Buffer.alloc(0)));
    await call.received(1);
    kill.abort(new GateError('denied', 'your access was withdrawn'));
    const reply = await call.reply;
    expect(reply.code).toBe(grpcCodes.PERMISSION_DENIED);
    expect(reply.message).toBe('your access was withdrawn');
    expect(reply.messages.map(String)).toEqual(['line']);
    await eventually(() => code !== undefined);
    expect(code).toBe(constants.NGHTTP2_CANCEL);
    expect(bridge.results[0]?.endCause).toBe('gateway');
  });

  it('holds the trailers back until beforeTrailers has resolved, and adds those that it brings', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<Readonly<Record<string, string>>>();
    const { client } = await setUp(
      call => {
        answer(call, [encodeFrame(Buffer.from('done'))], { 'grpc-status': '0' });
      },
      { beforeTrailers: () => held },
    );
    const call = client.start('/t/unary');
    call.stream.end(encodeFrame(Buffer.alloc(0)));
    await call.received(1);
    let ended = false;
    void call.reply.then(() => {
      ended = true;
    });
    await new Promise(resolve => setTimeout(resolve, 100));
    expect(ended).toBe(false);
    release({ 'outcome-pending': 'id' });
    const reply = await call.reply;
    expect([reply.code, reply.trailers.includes('outcome-pending')]).toEqual([0, true]);
  });

  it('gives the error of beforeTrailers instead of the status of the node', async () => {
    const { client } = await setUp(
      call => {
        answer(call, [], { 'grpc-status': '0' });
      },
      { beforeTrailers: () => Promise.reject(new GateError('audit-unavailable', 'no record')) },
    );
    expect((await client.unary('/t/unary')).code).toBe(grpcCodes.UNAVAILABLE);
  });

  it('passes what the node says while the caller still uploads, and the caller sees it', async () => {
    const { client } = await setUp(call => {
      call.stream.once('data', () => {
        call.stream.respond({ ...ok, 'grpc-status': '9', 'grpc-message': 'stop' }, { endStream: true });
      });
    });
    const call = client.start('/t/client-streaming');
    const timer = setInterval(() => {
      if (call.stream.writable) call.send(Buffer.alloc(32 * 1024));
    }, 1);
    await eventually(() => call.stream.readableEnded || call.stream.destroyed);
    clearInterval(timer);
    call.stream.end();
    const reply = await call.reply;
    expect(reply.code).toBe(grpcCodes.FAILED_PRECONDITION);
    expect(reply.reset).toBe(0);
  });

  it('inspects every request message after the first and ends the call when it may not pass', async () => {
    const seen: string[] = [];
    const reached: string[] = [];
    const { client } = await setUp(
      call => {
        call.stream.respond(ok, { waitForTrailers: true });
        call.stream.on('data', (chunk: Buffer) => reached.push(chunk.subarray(5).toString()));
      },
      {
        inspectRequestMessage: payload => {
          seen.push(payload.toString());
          if (payload.toString() === 'bad') throw new GateError('denied', 'a second spec');
        },
      },
    );
    const call = client.start('/t/bidi-streaming');
    for (const text of ['first', 'good']) call.send(Buffer.from(text));
    await eventually(() => reached.length === 2);
    call.send(Buffer.from('bad'));
    const reply = await call.reply;
    expect(reply.code).toBe(grpcCodes.PERMISSION_DENIED);
    expect(seen).toEqual(['good', 'bad']);
    expect(reached).toEqual(['first', 'good']);
  });

  it('holds a reply message until its inspection has resolved, in order', async () => {
    const inspected: string[] = [];
    const { client } = await setUp(
      call => {
        answer(
          call,
          ['a', 'b', 'c'].map(text => encodeFrame(Buffer.from(text))),
          { 'grpc-status': '0' },
        );
      },
      {
        inspectResponseMessage: async payload => {
          await new Promise(resolve => setTimeout(resolve, payload.toString() === 'a' ? 60 : 1));
          inspected.push(payload.toString());
        },
      },
    );
    const reply = await client.unary('/t/server-streaming');
    expect(reply.messages.map(String)).toEqual(['a', 'b', 'c']);
    expect(inspected).toEqual(['a', 'b', 'c']);
    expect(reply.code).toBe(0);
  });
});
