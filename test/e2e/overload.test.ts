// What one caller, or nobody in particular, can do to the log by calling a lot.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { maxLegsPerCaller } from '../../src/gateway/calls.ts';
import { EventsRequestSchema } from '../../src/gen/machine/machine_pb.js';
import { sql } from '../integration/audit/support.ts';
import { encode, version, worker } from '../support/calls.ts';
import { expectStatus } from '../support/refusal.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());

/** Records so far, counted by kind. */
async function counts(): Promise<Record<string, number>> {
  const rows = await sql<{ kind: string; n: number }>(
    stack.database.adminUrl,
    `SELECT kind, count(*) AS n FROM talosgate.audit_entry GROUP BY kind`,
  );
  return Object.fromEntries(rows.map(row => [row.kind, row.n]));
}

test('a viewer who opens thousands of node calls and hangs up is stopped at the cap, and each of them has its end', async () => {
  const client = await stack.h2('alice');
  const follow = encode(EventsRequestSchema, { tailEvents: 0 });
  const targets = Array.from({ length: 255 }, () => ['nodes', worker] as const);
  const calls = Array.from({ length: 10 }, () => {
    const call = client.start('/machine.MachineService/Events', targets);
    call.send(follow);
    call.stream.end();
    return call;
  });
  const admitted = Math.floor(maxLegsPerCaller / 255);
  const refused: { code: number | undefined; message: string }[] = [];
  for (const call of calls) void call.reply.then(reply => reply.code !== undefined && refused.push(reply));
  await until(async () => (await counts())['call.intent'] === admitted * 255);
  await until(() => refused.length === calls.length - admitted);
  for (const reply of refused) expectStatus(reply, 'RESOURCE_EXHAUSTED', /node calls open, at most 2048/);
  await client.close();
  await until(
    async () => (await counts())['call.outcome'] === admitted * 255,
    async () => JSON.stringify(await counts()),
  );
  expect(await counts()).toMatchObject({ 'call.intent': 2040, 'call.outcome': 2040, 'call.deny': 2 });
  // What they held is free again.
  expect((await version(stack.as('alice'))).code).toBe(0);
});
