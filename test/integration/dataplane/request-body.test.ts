import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { GateError } from '../../../src/core/gate-error.ts';
import { encodeFrame } from '../../../src/core/grpc-frame.ts';
import type { RequestBody } from '../../../src/core/request-body.ts';
import { startListener } from '../../../src/gateway/listener.ts';
import { refuse } from '../../../src/gateway/respond.ts';
import { connectH2, type H2Call, type H2Client } from '../../support/h2-client.ts';
import { createPki, eventually, kindOf, type Pki } from './fixture.ts';

let pki: Pki;
const opened: { close(): Promise<unknown> }[] = [];

beforeAll(async () => {
  pki = await createPki();
});
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

/** Gives the test the body of the next call. The call is answered when the returned promise has settled. */
async function setUp(
  use: (body: RequestBody) => Promise<unknown>,
  limits: Parameters<typeof startListener>[0]['limits'] = {},
): Promise<{ client: H2Client; outcome: Promise<unknown> }> {
  let settle: (value: unknown) => void = () => undefined;
  const outcome = new Promise(resolve => {
    settle = resolve;
  });
  const listener = await startListener({
    address: '127.0.0.1:0',
    tls: { ...pki.door, clientCa: undefined },
    clock: systemClock,
    limits,
    onCall: call => {
      const body = call.openBody(kindOf(call.head.path));
      void use(body)
        .catch((error: unknown) => error)
        .then(value => {
          settle(value);
          refuse(call.stream, { code: 0, message: '' });
        });
    },
  });
  opened.push(listener);
  const client = await connectH2({ port: listener.port, ca: pki.clients.ca });
  opened.push(client);
  return { client, outcome };
}

function send(
  client: H2Client,
  kind: string,
  bytes: readonly Buffer[],
  fields: readonly (readonly [string, string])[] = [],
): H2Call {
  const call = client.start(`/t/${kind}`, fields);
  for (const chunk of bytes) call.stream.write(chunk);
  call.stream.end();
  return call;
}

const hello = encodeFrame(Buffer.from('hello'));
const first = (body: RequestBody): Promise<unknown> => body.readFirst().then(String);

describe('readFirst', () => {
  it('gives the message of a unary call, and the body has ended', async () => {
    const { client, outcome } = await setUp(async body => [String(await body.readFirst()), body.ended]);
    send(client, 'unary', [hello]);
    expect(await outcome).toEqual(['hello', true]);
  });

  it('puts a message together from many pieces', async () => {
    const { client, outcome } = await setUp(first);
    const call = client.start('/t/unary');
    for (const byte of hello) {
      call.stream.write(Buffer.from([byte]));
      await new Promise(resolve => setImmediate(resolve));
    }
    call.stream.end();
    expect(await outcome).toBe('hello');
  });

  it('takes an empty message', async () => {
    const { client, outcome } = await setUp(first);
    send(client, 'unary', [encodeFrame(Buffer.alloc(0))]);
    expect(await outcome).toBe('');
  });

  it('waits for the half-close of a unary call', async () => {
    let done = false;
    const { client, outcome } = await setUp(async body => {
      await body.readFirst();
      done = true;
    });
    const call = client.start('/t/unary');
    call.stream.write(hello);
    await new Promise(resolve => setTimeout(resolve, 100));
    expect(done).toBe(false);
    call.stream.end();
    await outcome;
  });

  it('does not wait for the half-close of a streaming call', async () => {
    const { client, outcome } = await setUp(async body => [String(await body.readFirst()), body.ended]);
    client.start('/t/bidi-streaming').stream.write(hello);
    expect(await outcome).toEqual(['hello', false]);
  });

  it.each([
    ['no message', 'unary', [], 'bad-request'],
    ['no message', 'client-streaming', [], 'bad-request'],
    ['a second message', 'unary', [hello, hello], 'bad-request'],
    ['a second message', 'server-streaming', [hello, hello], 'bad-request'],
    ['part of a second message', 'unary', [hello, hello.subarray(0, 7)], 'bad-request'],
    ['part of a message', 'unary', [hello.subarray(0, 7)], 'malformed-frame'],
    ['part of a prefix', 'bidi-streaming', [hello.subarray(0, 2)], 'malformed-frame'],
    ['an unknown compression byte', 'unary', [Buffer.from([9, 0, 0, 0, 0])], 'malformed-frame'],
    ['a length over 32 MiB', 'unary', [Buffer.from([0, 2, 0, 0, 1])], 'message-too-large'],
    ['a compressed message without encoding', 'unary', [encodeFrame(gzipSync('x'), true)], 'malformed-frame'],
  ] as const)('refuses %s of a %s call', async (_what, kind, bytes, code) => {
    const { client, outcome } = await setUp(first);
    send(client, kind, bytes);
    expect(await outcome).toMatchObject({ code });
  });

  it('inflates a gzip message, refuses other encodings and bombs', async () => {
    const good = await setUp(first);
    send(good.client, 'unary', [encodeFrame(gzipSync('hello'), true)], [['grpc-encoding', 'gzip']]);
    expect(await good.outcome).toBe('hello');
    const other = await setUp(first);
    send(other.client, 'unary', [encodeFrame(Buffer.from('x'), true)], [['grpc-encoding', 'snappy']]);
    expect(await other.outcome).toMatchObject({ code: 'unsupported-encoding' });
    const bomb = await setUp(first);
    send(bomb.client, 'unary', [encodeFrame(gzipSync(Buffer.alloc(40_000_000)), true)], [['grpc-encoding', 'gzip']]);
    expect(await bomb.outcome).toMatchObject({ code: 'message-too-large' });
  });

  it('refuses a compressed message when inflating it could exceed the memory for requests', async () => {
    const { client, outcome } = await setUp(first, { requestMemory: 1024 * 1024 });
    send(client, 'unary', [encodeFrame(gzipSync('hello'), true)], [['grpc-encoding', 'gzip']]);
    expect(await outcome).toMatchObject({ code: 'overloaded' });
  });

  it('gives up on a message that does not arrive in time', async () => {
    const { client, outcome } = await setUp(first, { messageMs: 100 });
    client.start('/t/unary').stream.write(hello.subarray(0, 7));
    expect(await outcome).toMatchObject({ code: 'bad-request' });
  });

  it('rejects with the reason of an abort, and with cancelled when the caller goes away', async () => {
    const aborted = await setUp(body => body.readFirst(abortSoon()));
    aborted.client.start('/t/unary');
    expect(await aborted.outcome).toMatchObject({ code: 'draining' });
    const gone = await setUp(first);
    gone.client.start('/t/unary');
    await new Promise(resolve => setTimeout(resolve, 50));
    await gone.client.close();
    expect(await gone.outcome).toMatchObject({ code: 'cancelled' });
  });
});

function abortSoon(): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => {
    controller.abort(new GateError('draining', 'soon'));
  }, 50);
  return controller.signal;
}

describe('readNext', () => {
  it('gives one message after the other, then undefined', async () => {
    const { client, outcome } = await setUp(async body => {
      const seen: string[] = [];
      for (let next = await body.readNext(); next !== undefined; next = await body.readNext()) seen.push(String(next));
      return seen;
    });
    send(client, 'bidi-streaming', [Buffer.concat(['a', 'b', 'c'].map(text => encodeFrame(Buffer.from(text))))]);
    expect(await outcome).toEqual(['a', 'b', 'c']);
  });

  it('gives undefined after the only message of a unary call', async () => {
    const { client, outcome } = await setUp(async body => [String(await body.readNext()), await body.readNext()]);
    send(client, 'unary', [hello]);
    expect(await outcome).toEqual(['hello', undefined]);
  });
});

describe('an abort of the reader', () => {
  it('loses nothing of the request: what comes later goes to whoever reads next', async () => {
    const { client, outcome } = await setUp(async body => {
      await body.readFirst();
      await body.readNext(abortSoon()).catch(() => undefined);
      await new Promise(resolve => setTimeout(resolve, 100));
      return String(await body.readNext());
    });
    const call = client.start('/t/bidi-streaming');
    call.stream.write(hello);
    await new Promise(resolve => setTimeout(resolve, 100));
    call.send(Buffer.from('typed while nobody read'));
    expect(await outcome).toBe('typed while nobody read');
  });
});

describe('start', () => {
  it('hands over whatever was not read, raw and in order, and the end', async () => {
    const bytes = Buffer.concat(['a', 'b', 'c', 'd'].map(text => encodeFrame(Buffer.from(text))));
    const { client, outcome } = await setUp(async body => {
      await body.readFirst();
      await body.readNext();
      const chunks: Buffer[] = [];
      await new Promise<void>(resolve => {
        body.start({ data: chunk => chunks.push(chunk), end: resolve });
      });
      return Buffer.concat(chunks);
    });
    send(client, 'bidi-streaming', [bytes.subarray(0, 20), bytes.subarray(20)]);
    expect(await outcome).toEqual(bytes.subarray(12));
  });

  it('stops the flow while paused', async () => {
    let size = 0;
    const { client, outcome } = await setUp(async body => {
      await body.readFirst();
      body.pause();
      const done = new Promise<void>(resolve => {
        body.start({
          data: chunk => {
            size += chunk.length;
          },
          end: resolve,
        });
      });
      await new Promise(resolve => setTimeout(resolve, 100));
      const before = size;
      body.resume();
      await done;
      return before;
    });
    const call = client.start('/t/client-streaming');
    call.stream.write(hello);
    await new Promise(resolve => setTimeout(resolve, 30));
    for (let i = 0; i < 100; i++) call.send(Buffer.alloc(10_000));
    call.stream.end();
    expect(await outcome).toBeLessThan(100_000);
    await eventually(() => size === 100 * 10_005);
  });
});
