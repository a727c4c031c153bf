// A gateway process that is killed at random while it works, and what the log says afterwards.
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DemoClient } from '../../src/cli/demo/check-client.ts';
import { openSession } from '../../src/db/connection.ts';
import { applyConfig, cp, followLogs, version, worker, worker2 } from './calls.ts';
import { type CliRun, startCli } from './cli.ts';
import type { Person, Stack } from './stack.ts';
import { until } from './until.ts';

/** A call as a node saw it. */
interface Seen {
  readonly callId: string;
  readonly node: string;
  readonly at: number;
}

export interface KillFigures {
  readonly kills: number;
  /** Calls that the nodes saw, and those of them without an intent that was in the log before. */
  readonly seen: number;
  readonly unrecorded: number;
  readonly intents: number;
  readonly outcomes: number;
  readonly unknown: number;
  /** Intents with no end, and with more than one that is not late. */
  readonly unended: number;
  readonly endedTwice: number;
  readonly gaps: number;
  /** Longest time from a kill to the last end of a call of that process, milliseconds. */
  readonly longestEndMs: number;
}

/**
 * Runs `kills` gateway processes on the stack's database, `lanes` at a time, and kills each with SIGKILL at a random moment
 * under load. Somebody else has to reap: the stack's own gateway, or a reaper of the test's.
 */
export async function killGateways(
  stack: Stack,
  kills: number,
  lanes: number,
  patienceMs: number,
): Promise<KillFigures> {
  const seen: Seen[] = [];
  const harvest = (): void => {
    for (const { name, control } of Object.values(stack.nodes)) {
      for (const { metadata, receivedAt } of control.calls()) {
        const [callId] = metadata.get('x-talosgate-call-id') ?? [];
        // What the gateway asks for itself is no call of anybody.
        if (callId !== undefined && callId !== 'gateway') seen.push({ callId, node: name, at: receivedAt });
      }
      control.clearCalls();
    }
  };
  stack.clearCalls();
  const deaths: number[] = [];
  let left = kills;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      deaths.push(await runAndKill(stack));
      harvest();
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  harvest();
  const session = await openSession({ url: stack.database.adminUrl, queryTimeoutMs: 60_000 });
  try {
    const open = async (): Promise<number> =>
      (await session.query<{ n: number }>('SELECT count(*) AS n FROM talosgate.audit_open'))[0]?.n ?? -1;
    await until(
      async () => (await open()) === 0,
      async () => `${await open()} calls are open`,
      patienceMs,
    );
    const [calls] = await session.query<Omit<KillFigures, 'kills' | 'seen' | 'unrecorded' | 'longestEndMs'>>(counts);
    const [forwarded] = await session.query<{ unrecorded: number }>(unrecorded, [
      ...[seen.map(one => one.callId), seen.map(one => one.node), seen.map(one => one.at)],
    ]);
    const ends = await session.query<{ at: Date }>(lastEnds);
    if (calls === undefined || forwarded === undefined) throw new Error('no counts');
    // A process is ended after its own death: the latest one before the end.
    const waits = ends.map(({ at }) => at.getTime() - Math.max(...deaths.filter(death => death <= at.getTime())));
    return { kills, seen: seen.length, ...forwarded, ...calls, longestEndMs: Math.max(0, ...waits) };
  } finally {
    await session.close();
  }
}

const counts = `
  WITH call AS (
    SELECT call_id, coalesce(leg, 0) AS leg, count(*) FILTER (WHERE kind = 'call.intent') AS intents,
      count(*) FILTER (WHERE kind = 'call.outcome' AND NOT late) AS outcomes,
      count(*) FILTER (WHERE kind = 'call.unknown') AS unknown
    FROM talosgate.audit_entry WHERE kind IN ('call.intent', 'call.outcome', 'call.unknown') GROUP BY 1, 2)
  SELECT sum(intents)::bigint AS intents, sum(outcomes)::bigint AS outcomes, sum(unknown)::bigint AS unknown,
    count(*) FILTER (WHERE intents > 0 AND outcomes + unknown = 0) AS unended,
    count(*) FILTER (WHERE outcomes + unknown > 1 OR intents > 1) AS "endedTwice",
    (SELECT max(idx) + 1 - count(*) FROM talosgate.audit_entry) AS gaps
  FROM call`;

// Both clocks are of this machine. An intent is stamped before it is committed, and nothing is sent before that.
const unrecorded = `
  SELECT count(*) AS unrecorded FROM unnest($1::text[], $2::text[], $3::double precision[]) AS s (call_id, node, at)
  WHERE NOT EXISTS (SELECT FROM talosgate.audit_entry AS e WHERE e.kind = 'call.intent' AND e.call_id = s.call_id
    AND e.node = s.node AND e.db_ts <= to_timestamp(s.at / 1000 + 0.001))`;

const lastEnds = `
  SELECT max(db_ts) AS at FROM talosgate.audit_entry WHERE kind = 'call.unknown' GROUP BY details->>'boot'`;

/** One gateway process from its start to its violent end. Gives the moment of that. */
async function runAndKill(stack: Stack): Promise<number> {
  const run = startCli(['serve', '--config', join(stack.directory, 'talosgate.yaml')]);
  const port = await portOf(run);
  const clients = (['alice', 'bob'] as const).map(person => clientOf(stack, person, port));
  const [alice, bob] = clients as [DemoClient, DemoClient];
  let over = false;
  let answered = 0;
  const again = async (call: () => Promise<{ readonly code: number }>): Promise<void> => {
    while (!over) {
      const { code } = await call();
      if (code === 0) answered += 1;
      else await sleep(5);
    }
  };
  const edit = { data: Buffer.from('machine: {}\n'), dryRun: true };
  const callers = [
    ...Array.from({ length: 6 }, () => again(() => version(alice, { node: worker }))),
    ...Array.from({ length: 2 }, () => again(() => version(alice, { nodes: [cp, worker, worker2] }))),
    ...Array.from({ length: 2 }, () => again(() => applyConfig(bob, { node: worker2 }, edit))),
    again(() => followLogs(alice, { node: cp }, replies => replies.length > 3)),
  ];
  await until(
    () => answered > 0,
    () => `no call was answered: ${run.out}`,
    30_000,
  );
  await sleep(randomInt(0, 700));
  run.process.kill('SIGKILL');
  const died = Date.now();
  await once(run.process, 'exit');
  over = true;
  for (const client of clients) client.close();
  await Promise.all(callers);
  return died;
}

/** Waits until a gateway in a process of its own is up; it must log at info. */
export async function portOf(run: CliRun): Promise<number> {
  const said = (): RegExpExecArray | null => /"grpc":\{[^}]*"port":(\d+)/.exec(run.out);
  await until(
    () => said() !== null || run.process.exitCode !== null,
    () => run.out,
    60_000,
  );
  const port = said()?.[1];
  if (port === undefined) throw new Error(`the gateway did not start: ${run.out} ${(await run.done).error}`);
  return Number(port);
}

/** grpc-js as somebody, to a gateway in a process of its own. */
export function clientOf(stack: Stack, person: Person, port: number): DemoClient {
  const leaf = stack.secrets.pki.users.get(`${person}@example.com`);
  return new DemoClient(`127.0.0.1:${port}`, {
    ca: Buffer.from(stack.secrets.pki.clientCa.certificate),
    certificate: Buffer.from(leaf?.certificate ?? ''),
    key: Buffer.from(leaf?.key ?? ''),
  });
}
