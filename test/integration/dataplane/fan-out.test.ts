import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { GateError } from '../../../src/core/gate-error.ts';
import { encodeFrame } from '../../../src/core/grpc-frame.ts';
import type { RelayResult } from '../../../src/core/relay-result.ts';
import { startListener } from '../../../src/gateway/listener.ts';
import { DataSchema } from '../../../src/gen/common/common_pb.js';
import { VersionResponseSchema } from '../../../src/gen/machine/machine_pb.js';
import { type FanOutOptions, fanOut, type Leg } from '../../../src/upstream/fan-out.ts';
import { upstreamHeaders } from '../../../src/upstream/metadata.ts';
import { RawGrpcClient, type RawHandlers, startGrpcJsNode, statusOfStream } from '../../support/grpc-js.ts';
import { channelsFor, createPki, eventually, kindOf, type Pki, targetOf } from './fixture.ts';

let pki: Pki;
const opened: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  pki = await createPki();
});
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

/** A door in front of one grpc-js node per entry; `refused` entries have a status instead of a node, `dead` ones nothing. */
async function setUp(
  nodes: Record<string, RawHandlers | 'dead' | { refused: number }>,
  more: Partial<FanOutOptions> = {},
): Promise<{ client: RawGrpcClient; legs: Map<number, RelayResult>; results: RelayResult[] }> {
  const channels = channelsFor(pki);
  opened.push(channels);
  const makers: ((path: string) => Leg)[] = [];
  for (const [hostname, node] of Object.entries(nodes)) {
    if (node !== 'dead' && 'refused' in node) {
      makers.push(() => ({ hostname, refusal: { code: node.refused, message: 'not for you' } }));
      continue;
    }
    const server = node === 'dead' ? undefined : await startGrpcJsNode({ ca: pki.nodes.ca, ...pki.node }, node);
    if (server !== undefined) opened.push(server);
    const target = targetOf(server?.port ?? 1, hostname, ['node-1']);
    makers.push(path => ({
      hostname,
      channel: channels.acquire(target),
      headers: upstreamHeaders({ path, authority: hostname, callId: 'c', roles: ['os:reader'] }),
    }));
  }
  const legs = new Map<number, RelayResult>();
  const results: RelayResult[] = [];
  const listener = await startListener({
    address: '127.0.0.1:0',
    tls: { ...pki.door, clientCa: pki.clients.ca },
    clock: systemClock,
    onCall: call => {
      if (!call.head.ok) throw call.head.error;
      const { path } = call.head;
      const kind = kindOf(path);
      const body = call.openBody(kind);
      void body.readFirst().then(async first => {
        const result = await fanOut({
          downstream: call.stream,
          kind,
          legs: makers.map(make => make(path)),
          firstFrame: encodeFrame(first),
          body,
          clock: systemClock,
          onLegEnd: (leg, outcome) => {
            expect(legs.has(leg)).toBe(false);
            legs.set(leg, outcome);
          },
          ...more,
        });
        results.push(result);
      });
    },
  });
  opened.push(listener);
  const client = new RawGrpcClient(listener.port, { ca: pki.clients.ca, ...pki.alice });
  opened.push(client);
  return { client, legs, results };
}

function versionOf(tag: string): RawHandlers {
  const reply = create(VersionResponseSchema, { messages: [{ version: { tag } }] });
  return {
    unary: (_call, done) => {
      done(null, Buffer.from(toBinary(VersionResponseSchema, reply)));
    },
  };
}

describe('fanOut of a unary call', () => {
  it('merges the replies into one, each with the name that the caller used', async () => {
    const { client, legs } = await setUp({ 'cp-1': versionOf('v1.13.9'), '10.0.0.2': versionOf('v1.14.0') });
    const reply = fromBinary(VersionResponseSchema, await client.unary('/t/unary', Buffer.alloc(0)));
    const seen = reply.messages.map(message => [message.metadata?.hostname, message.version?.tag]);
    expect(seen.sort()).toEqual([
      ['10.0.0.2', 'v1.14.0'],
      ['cp-1', 'v1.13.9'],
    ]);
    expect([...legs.keys()].sort()).toEqual([0, 1]);
    expect(legs.get(0)).toMatchObject({
      status: { code: 0 },
      endCause: 'server',
      forwarded: true,
      responseMessages: 1,
    });
  });

  it('adds the name for one node too', async () => {
    const { client } = await setUp({ 'cp-1': versionOf('v1.13.9') });
    const reply = fromBinary(VersionResponseSchema, await client.unary('/t/unary', Buffer.alloc(0)));
    expect(reply.messages.map(message => message.metadata?.hostname)).toEqual(['cp-1']);
  });

  it('turns failed, refused and unreachable nodes into elements and ends with OK', async () => {
    const broken: RawHandlers = {
      unary: (_call, done) => {
        done({ code: grpc.status.NOT_FOUND, details: 'no such thing' });
      },
    };
    const { client, legs, results } = await setUp({
      good: versionOf('v1'),
      broken,
      refused: { refused: grpc.status.PERMISSION_DENIED },
      dead: 'dead',
    });
    const reply = fromBinary(VersionResponseSchema, await client.unary('/t/unary', Buffer.alloc(0)));
    const byName = new Map(reply.messages.map(message => [message.metadata?.hostname, message]));
    expect(byName.get('good')?.version?.tag).toBe('v1');
    expect(byName.get('broken')?.metadata).toMatchObject({
      error: 'rpc error: code = NotFound desc = no such thing',
      status: { code: 5, message: 'no such thing' },
    });
    expect(byName.get('refused')?.metadata).toMatchObject({
      error: 'rpc error: code = PermissionDenied desc = not for you',
      status: { code: 7 },
    });
    expect(byName.get('dead')?.metadata?.status?.code).toBe(14);
    expect(results[0]).toMatchObject({ status: { code: 0 }, endCause: 'server' });
    expect([...legs.keys()].sort()).toEqual([0, 1, 3]);
    expect(legs.get(1)).toMatchObject({ status: { code: 5 }, endCause: 'server', forwarded: true });
    expect(legs.get(3)).toMatchObject({ status: { code: 14 }, endCause: 'not-forwarded', forwarded: false });
  });

  it('keeps a node whose reply holds no element', async () => {
    const empty: RawHandlers = {
      unary: (_call, done) => {
        done(null, Buffer.alloc(0));
      },
    };
    const { client } = await setUp({ empty, good: versionOf('v1') });
    const reply = fromBinary(VersionResponseSchema, await client.unary('/t/unary', Buffer.alloc(0)));
    expect(reply.messages.map(message => message.metadata?.hostname).sort()).toEqual(['empty', 'good']);
  });

  it('gives RESOURCE_EXHAUSTED when the replies together do not fit into one message', async () => {
    const large: RawHandlers = {
      unary: (_call, done) => {
        done(null, Buffer.concat([Buffer.from([0x0a, 0x80, 0x80, 0x80, 0x0a]), Buffer.alloc(20 * 1024 * 1024)]));
      },
    };
    const { client, legs } = await setUp({ a: large, b: large });
    await expect(client.unary('/t/unary', Buffer.alloc(0))).rejects.toMatchObject({ code: 8 });
    expect(legs.size).toBe(2);
  });

  it('copies an upload to all nodes and merges their replies', async () => {
    const sizes: number[] = [];
    const recover: RawHandlers = {
      clientStreaming: (call, done) => {
        let size = 0;
        call.on('data', (chunk: Buffer) => {
          size += chunk.length;
        });
        call.on('end', () => {
          sizes.push(size);
          done(null, Buffer.from(toBinary(VersionResponseSchema, create(VersionResponseSchema, { messages: [{}] }))));
        });
      },
    };
    const { client } = await setUp({ a: recover, b: recover });
    const { call, reply } = client.clientStream('/t/client-streaming');
    for (let i = 0; i < 1000; i++) call.write(Buffer.alloc(4096));
    call.end();
    const merged = fromBinary(VersionResponseSchema, await reply);
    expect(merged.messages.map(message => message.metadata?.hostname).sort()).toEqual(['a', 'b']);
    expect(sizes).toEqual([4_096_000, 4_096_000]);
  });

  it('resets all nodes when the caller goes away', async () => {
    let cancelled = 0;
    const hanging: RawHandlers = {
      unary: call => {
        call.on('cancelled', () => cancelled++);
      },
    };
    const { client, legs, results } = await setUp({ a: hanging, b: hanging });
    await expect(
      client.unary('/t/unary', Buffer.alloc(0), new grpc.Metadata(), { deadline: Date.now() + 300 }),
    ).rejects.toMatchObject({ code: 4 });
    await eventually(() => cancelled === 2);
    await eventually(() => results.length === 1);
    expect([...legs.values()].map(leg => leg.endCause)).toEqual(['client', 'client']);
  });

  it('ends the whole call with the reason of an abort', async () => {
    const kill = new AbortController();
    const hanging: RawHandlers = { unary: () => undefined };
    const { client, legs } = await setUp({ a: hanging, b: versionOf('v1') }, { signal: kill.signal });
    const call = client.unary('/t/unary', Buffer.alloc(0));
    setTimeout(() => {
      kill.abort(new GateError('denied', 'withdrawn'));
    }, 200);
    await expect(call).rejects.toMatchObject({ code: 7, details: 'withdrawn' });
    expect(legs.get(0)).toMatchObject({ endCause: 'gateway', status: { code: 7 } });
    expect(legs.get(1)).toMatchObject({ endCause: 'server', status: { code: 0 } });
  });
});

describe('fanOut of a stream', () => {
  function lines(...texts: string[]): RawHandlers {
    return {
      serverStreaming: call => {
        for (const text of texts) {
          call.write(Buffer.from(toBinary(DataSchema, create(DataSchema, { bytes: Buffer.from(text) }))));
        }
        call.end();
      },
    };
  }

  async function read(
    client: RawGrpcClient,
  ): Promise<{ seen: [string | undefined, string, number | undefined][]; code: number }> {
    const call = client.serverStream('/t/server-streaming', Buffer.alloc(0));
    const status = statusOfStream(call);
    const seen: [string | undefined, string, number | undefined][] = [];
    call.on('data', (bytes: Buffer) => {
      const { metadata, bytes: text } = fromBinary(DataSchema, bytes);
      seen.push([metadata?.hostname, Buffer.from(text).toString(), metadata?.status?.code]);
    });
    return { code: (await status).code, seen };
  }

  it('labels each message with its node and ends with OK', async () => {
    const { client } = await setUp({ a: lines('one', 'two'), b: lines('three') });
    const { seen, code } = await read(client);
    expect(code).toBe(0);
    expect(seen.filter(([name]) => name === 'a').map(([, text]) => text)).toEqual(['one', 'two']);
    expect(seen.filter(([name]) => name === 'b').map(([, text]) => text)).toEqual(['three']);
  });

  it('sends one message for a failed node after what it had sent', async () => {
    const failing: RawHandlers = {
      serverStreaming: call => {
        call.write(Buffer.from(toBinary(DataSchema, create(DataSchema, { bytes: Buffer.from('one') }))));
        call.emit('error', { code: grpc.status.DATA_LOSS, details: 'gone' });
      },
    };
    const { client } = await setUp({ a: failing, dead: 'dead' });
    const { seen, code } = await read(client);
    expect(code).toBe(0);
    expect(seen.filter(([name]) => name === 'a')).toEqual([
      ['a', 'one', undefined],
      ['a', '', grpc.status.DATA_LOSS],
    ]);
    expect(seen.filter(([name]) => name === 'dead')).toEqual([['dead', '', grpc.status.UNAVAILABLE]]);
  });

  it('ends with OK and no message when all nodes send none', async () => {
    const { client } = await setUp({ a: lines(), b: lines() });
    expect(await read(client)).toEqual({ seen: [], code: 0 });
  });
});
