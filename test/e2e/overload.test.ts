// What one caller, or nobody in particular, can do to the log by calling a lot.
import { request } from 'node:https';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSession } from '../../src/db/connection.ts';
import { maxLegsPerCaller } from '../../src/gateway/calls.ts';
import { EventsRequestSchema } from '../../src/gen/machine/machine_pb.js';
import { sql } from '../integration/audit/support.ts';
import { encode, followLogs, paths, version, worker } from '../support/calls.ts';
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

/** Refusals by the log: rows of their own, and what the summaries say. */
async function strangers(): Promise<{ rows: number; counted: number; told: readonly string[] }> {
  const [row] = await sql<{ rows: number; counted: number; told: string[] }>(
    stack.database.adminUrl,
    `SELECT count(*) FILTER (WHERE kind = 'call.deny' AND reason = 'unauthenticated') AS rows,
       coalesce(sum((details->>'total')::int) FILTER (WHERE kind = 'overload.summary'), 0)::int AS counted,
       coalesce(jsonb_agg(details->'sources') FILTER (WHERE kind = 'overload.summary'), '[]') AS told
     FROM talosgate.audit_entry`,
  );
  if (row === undefined) throw new Error('no row');
  return { ...row, told: row.told.flat() };
}

test('an anonymous flood costs a few rows and exact counts, and the others are served meanwhile', async () => {
  const before = await strangers();
  const clients = await Promise.all([stack.h2(), stack.h2(), stack.h2(), stack.h2()]);
  let flooding = true;
  let made = 0;
  const flood = clients.map(async client => {
    while (flooding) {
      const replies = await Promise.all(Array.from({ length: 25 }, () => client.unary(paths.version)));
      made += replies.length;
      for (const reply of replies) expect(reply.code).toBe(16);
    }
  });
  // The other door shares the limits.
  const web = await Promise.all(
    Array.from({ length: 40 }, () => get(`https://127.0.0.1:${stack.app.http.port}/api/v1/approvals`)),
  );
  expect(new Set(web)).toEqual(new Set([401]));
  made += web.length;
  for (let n = 0; n < 10; n += 1) {
    const answer = await version(stack.as('alice'));
    expect(answer.code).toBe(0);
    expect(answer.milliseconds).toBeLessThan(5_000);
  }
  flooding = false;
  await Promise.all(flood);
  await until(
    async () => {
      const { rows, counted } = await strangers();
      return rows + counted === before.rows + before.counted + made;
    },
    async () => JSON.stringify({ made, ...(await strangers()) }),
    15_000,
  );
  const after = await strangers();
  expect(made).toBeGreaterThan(200);
  expect(after.rows - before.rows).toBeLessThan(made / 4);
  expect(after.told.length).toBeGreaterThan(0);
  for (const line of after.told) expect(line).toMatch(/^127\.0\.0\.0\/24 no-credential \d+$/);
});

test('an anonymous flood while the log stands still takes no outcome from calls that end meanwhile', async () => {
  const start = await counts();
  let following = 0;
  let enough = false;
  const follows = Array.from({ length: 20 }, () =>
    followLogs(stack.as('alice'), { node: worker }, replies => {
      if (replies.length === 1) following += 1;
      return enough && replies.length > 1;
    }),
  );
  await until(() => following === 20);
  const session = await openSession({ url: stack.database.adminUrl });
  await session.query('BEGIN');
  await session.query('SELECT 1 FROM talosgate.audit_head FOR UPDATE');
  const stranger = await stack.h2();
  const flood = Array.from({ length: 600 }, () => stranger.unary(paths.version));
  enough = true;
  await Promise.all(follows);
  await Promise.all(flood);
  await session.query('ROLLBACK');
  await session.close();
  const ended = (start['call.outcome'] ?? 0) + 20;
  await until(
    async () => (await counts())['call.outcome'] === ended,
    async () => JSON.stringify({ start, now: await counts() }),
  );
  expect((await counts())['call.intent']).toBe(ended);
});

/** The status of an answer to nobody in particular. */
function get(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, { ca: stack.secrets.pki.clientCa.certificate, servername: 'localhost' }, reply => {
      reply.resume().on('end', () => resolve(reply.statusCode ?? 0));
    })
      .on('error', reject)
      .end();
  });
}
