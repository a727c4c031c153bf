import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { encodeFrame } from '../../../src/core/grpc-frame.ts';
import type { H2Client } from '../../support/h2-client.ts';
import type { NodeCallSeen } from '../../support/h2-node.ts';
import { createPki, eventually, startBridge, startNode, targetOf } from './fixture.ts';

const opened: { close(): Promise<unknown> }[] = [];

afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

/** Numbers that look random and are the same in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

const ok = { ':status': 200, 'content-type': 'application/grpc' } as const;

/** A node that answers, resets, stalls, answers early, forgets its status or drops the connection. */
async function misbehave({ stream }: NodeCallSeen, random: () => number): Promise<void> {
  const what = Math.floor(random() * 8);
  if (what !== 6) stream.resume();
  await delay(random() * 5);
  if (gone(stream)) return;
  if (what === 0) stream.close(Math.floor(random() * 14));
  else if (what === 1) stream.respond({ ...ok, 'grpc-status': '5' }, { endStream: true });
  else if (what === 2 && random() < 0.1) stream.session?.destroy();
  else if (what === 3 && random() < 0.1) stream.session?.goaway(0);
  else if (what !== 4) {
    stream.respond(ok, { waitForTrailers: what !== 5 });
    stream.on('wantTrailers', () => {
      stream.sendTrailers({ 'grpc-status': '0' });
    });
    stream.write(encodeFrame(Buffer.alloc(random() * 100_000)).subarray(0, what === 7 ? 1000 : undefined));
    await delay(random() * 5);
    if (!gone(stream)) stream.end();
  }
}

function gone(stream: NodeCallSeen['stream']): boolean {
  return stream.destroyed || stream.closed;
}

async function oneCall(client: H2Client, random: () => number): Promise<void> {
  const kind = random() < 0.5 ? 'unary' : 'bidi-streaming';
  const call = client.start(`/t/${kind}`, random() < 0.3 ? [['grpc-timeout', '20m']] : []);
  const frame = encodeFrame(Buffer.alloc(random() * 50_000));
  call.stream.write(random() < 0.1 ? frame.subarray(0, 100) : frame);
  await delay(random() * 3);
  if (call.stream.writable && random() < 0.8) call.stream.end();
  if (random() < 0.5) await delay(random() * 15);
  else await Promise.race([call.reply, delay(60)]);
  if (!call.stream.destroyed) call.cancel();
  await call.reply;
}

it('the data plane ends and forgets every call, however client and node behave', async () => {
  const random = numbers(20_261_123);
  const pki = await createPki();
  const node = await startNode(pki, call => void misbehave(call, random));
  opened.push({ close: () => node.kill() });
  let begun = 0;
  const bridge = await startBridge(pki, targetOf(node.port), {
    relay: {
      beforeTrailers: () => {
        begun--;
        return random() < 0.3 ? delay(random() * 5) : undefined;
      },
    },
    onRelay: () => begun++,
  });
  opened.push(bridge);
  let client = await bridge.client();
  for (let round = 0; round < 40; round++) {
    await Promise.all(Array.from({ length: 25 }, () => oneCall(client, random)));
    if (round % 10 === 9) {
      await client.close();
      client = await bridge.client();
    }
  }
  await client.close();
  await eventually(() => bridge.listener.streams === 0);
  await eventually(() => begun === 0);
  expect(bridge.results.length).toBeGreaterThan(400);
  // The door still works.
  const last = await bridge.client();
  opened.push(last);
  expect((await last.unary('/t/unary', Buffer.alloc(0), [['grpc-timeout', '1S']])).code).toBeDefined();
});
