// Recorded sessions whose gateway is killed, or whose database goes away, at random moments; and what the recordings say.
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import type { DemoClient } from '../../src/cli/demo/check-client.ts';
import { createPool, type Pool } from '../../src/db/pool.ts';
import { DebugContainerRunRequestSchema } from '../../src/gen/machine/debug_pb.js';
import { paths, version } from './calls.ts';
import { startCli } from './cli.ts';
import { DebugSession, debugSpec, pullImage } from './debug-session.ts';
import { clientOf, portOf } from './gateway-kills.ts';
import { vote } from './http.ts';
import { beginsWith, openRecording } from './recordings.ts';
import type { Stack } from './stack.ts';
import { until } from './until.ts';

export interface StormFigures {
  /** Sessions that were disturbed, by what. */
  readonly killed: number;
  readonly cutOff: number;
  readonly swallowed: number;
  /** Sessions that went on after the disturbance, and that were ended by it. */
  readonly survived: number;
  readonly ended: number;
  /** Bytes that a client was shown, or a node was sent, and that are in no recording. Has to be 0. */
  readonly unrecorded: number;
  readonly shownBytes: number;
  /** Longest time from a disturbance to the end of the container's stream, milliseconds. */
  readonly longestOpenMs: number;
  /** Longest time from the death of a gateway to `session.lost`, milliseconds. */
  readonly longestLostMs: number;
}

interface Case {
  readonly session: DebugSession;
  readonly nonce: string;
  disturbedAt: number;
  callId: string;
  /** From the moment when everything was undone: what the gateway prints by itself is left out. */
  shown: string;
}

/** What a storm runs on: an unquiet stack with a wire, whose log level is info and whose sessions.key is known. */
export interface StormOptions {
  readonly stack: Stack;
  readonly key: string;
  /** Rounds of each kind, and sessions in each. */
  readonly kills: number;
  readonly outages: number;
  readonly sessions: number;
  /** How long an outage may last, in milliseconds. */
  readonly longestOutageMs: number;
  /** How long to wait for the ends of lost sessions, in milliseconds. */
  readonly patienceMs: number;
}

/** Disturbs sessions and compares every byte that anybody saw with the recordings. */
export async function stormSessions(options: StormOptions): Promise<StormFigures> {
  const { stack, key, kills, outages } = options;
  const image = await pullImage(stack.as('bob'));
  const pool = createPool({ url: stack.database.adminUrl, max: 2 });
  const tally = { killed: 0, cutOff: 0, swallowed: 0, survived: 0, ended: 0, unrecorded: 0, shownBytes: 0 };
  let [longestOpenMs, longestLostMs] = [0, 0];
  const lost: Case[] = [];
  try {
    for (let round = 0; round < outages; round += 1) {
      const cases = await openCases(options, stack.as('bob'), image, `o${round}`);
      await sleep(randomInt(0, 800));
      const kind = round % 2 === 0 ? 'cutOff' : 'swallowed';
      const disturbedAt = Date.now();
      if (kind === 'cutOff') stack.wire.cut();
      else stack.wire.swallow();
      // Every third is longer than any session can wait.
      await sleep(round % 3 === 2 ? options.longestOutageMs : randomInt(200, Math.min(4_000, options.longestOutageMs)));
      stack.wire.mend();
      tally[kind] += cases.length;
      for (const one of cases) one.disturbedAt = disturbedAt;
      await settle(pool, cases, 20_000);
      for (const one of cases) {
        if (one.session.exitCode === 1) {
          tally.ended += 1;
          longestOpenMs = Math.max(longestOpenMs, (await closedAt(stack, one)) - disturbedAt);
        } else tally.survived += 1;
      }
      await compare(cases);
      process.stdout.write(`${JSON.stringify({ round, ...tally, longestOpenMs })}\n`);
    }
    for (let round = 0; round < kills; round += 1) {
      const run = startCli(['serve', '--config', join(stack.directory, 'talosgate.yaml')]);
      const client = clientOf(stack, 'bob', await portOf(run));
      const cases = await openCases(options, client, image, `k${round}`);
      await sleep(randomInt(0, 800));
      run.process.kill('SIGKILL');
      const died = Date.now();
      await once(run.process, 'exit');
      await Promise.all(cases.map(({ session }) => session.ends()));
      client.close();
      for (const one of cases) {
        one.disturbedAt = died;
        longestOpenMs = Math.max(longestOpenMs, (await closedAt(stack, one)) - died);
      }
      tally.killed += cases.length;
      tally.ended += cases.length;
      lost.push(...cases);
    }
    await settle(pool, lost, options.patienceMs);
    const rows = await pool.query<{ id: string; at: Date }>(
      `SELECT call_id AS id, db_ts AS at FROM talosgate.audit_entry WHERE kind = 'session.lost'`,
    );
    for (const one of lost) {
      const row = rows.find(({ id }) => id === one.callId);
      if (row === undefined) throw new Error(`session ${one.callId} of a dead gateway is not lost`);
      longestLostMs = Math.max(longestLostMs, row.at.getTime() - one.disturbedAt);
    }
    await compare(lost);
    return { ...tally, longestOpenMs, longestLostMs };
  } finally {
    await pool.close();
  }

  async function compare(cases: readonly Case[]): Promise<void> {
    for (const one of cases) {
      const recording = await openRecording({ url: stack.database.readerUrl }, key, one.callId);
      const shown = Buffer.from(one.shown);
      tally.shownBytes += shown.length;
      if (!beginsWith(recording.output, one.shown)) tally.unrecorded += shown.length;
      const reached = typedAtNode(stack, one);
      if (reached > recording.typed) tally.unrecorded += reached - recording.typed;
    }
  }
}

/** Sessions at once, each with output that flows and somebody who types. */
async function openCases(options: StormOptions, client: DemoClient, image: string, round: string): Promise<Case[]> {
  const { stack, sessions } = options;
  await until(async () => (await version(client)).code === 0, undefined, 30_000);
  return await Promise.all(
    Array.from({ length: sessions }, async (_unused, index) => {
      for (let attempt = 1; ; attempt += 1) {
        const nonce = `${round}-${index}-${attempt}`;
        const session = await openSession(stack, client, image, nonce);
        // A log that is slow for a moment lets no session begin; that is its right, and not what is looked at here.
        if (session === undefined && attempt < 10) continue;
        if (session === undefined) throw new Error('no session begins');
        const callId = callOf(stack, nonce)?.metadata.get('x-talosgate-call-id')?.[0] ?? '';
        session.type(index % 2 === 0 ? 'seq 400000\r' : 'id\r');
        for (let key = 0; key < 20; key += 1) session.type(index % 3 === 0 ? 'id\r' : 'x');
        return { session, nonce, disturbedAt: 0, callId, shown: '' };
      }
    }),
  );
}

/** A session that carol has agreed to, at its prompt; undefined when the gateway could not record it just then. */
async function openSession(
  stack: Stack,
  client: DemoClient,
  image: string,
  nonce: string,
): Promise<DebugSession | undefined> {
  const session = new DebugSession(client, debugSpec(image, { env: { TEST: nonce } }));
  const refused = (): boolean => session.status !== undefined;
  const story = (): string => `${session.text.slice(-300)} ${session.message}`;
  await until(() => refused() || session.text.includes('reason>'), story, 30_000);
  if (refused()) return undefined;
  session.type('kubelet is stuck\r');
  await until(() => refused() || session.text.includes('waiting for a decision'), story, 30_000);
  if (refused()) return undefined;
  const id = await session.requestId();
  let state = '';
  await until(
    async () => (state = await vote(stack.api('carol'), id)) === 'approved' || /has been|already/.test(state),
    () => state,
    30_000,
  );
  await until(() => refused() || session.text.endsWith('# '), story, 30_000);
  return refused() ? undefined : session;
}

/** Lets everybody leave, waits until every session has its end in the log, and keeps what was shown. */
async function settle(pool: Pool, cases: readonly Case[], patienceMs: number): Promise<void> {
  for (const { session } of cases) session.type('\x03\rexit 0\r');
  const ended = async (): Promise<number> =>
    (
      await pool.query<{ n: number }>(
        `SELECT count(DISTINCT call_id) AS n FROM talosgate.audit_entry
         WHERE kind IN ('session.ended', 'session.lost') AND call_id = ANY ($1)`,
        [cases.map(({ callId }) => callId)],
      )
    )[0]?.n ?? -1;
  const leave = setTimeout(() => {
    for (const { session } of cases) session.leave();
  }, patienceMs / 4);
  await until(
    async () => {
      for (const { session } of cases) if (session.exitCode !== undefined) session.leave();
      return (await ended()) === cases.length;
    },
    async () => `${await ended()} of ${cases.length} sessions have an end`,
    patienceMs,
  );
  clearTimeout(leave);
  for (const one of cases) {
    const { text } = one.session;
    const start = text.indexOf('this session is recorded\r\n') + 'this session is recorded\r\n'.length;
    const own = text.lastIndexOf('talosgate: ');
    one.shown = own > start ? text.slice(start, own) : text.slice(start);
  }
}

type NodeCall = ReturnType<Stack['nodes']['worker']['control']['calls']>[number];

function callOf(stack: Stack, nonce: string): NodeCall | undefined {
  return stack.nodes.worker.control.calls().find(call => {
    const first = call.path === paths.containerRun ? call.requests[0] : undefined;
    if (first === undefined) return false;
    const { request } = fromBinary(DebugContainerRunRequestSchema, first);
    return request.case === 'spec' && request.value.env['TEST'] === nonce;
  });
}

function typedAtNode(stack: Stack, { nonce }: Case): number {
  const requests = callOf(stack, nonce)?.requests ?? [];
  return requests.reduce((sum, message) => {
    const { request } = fromBinary(DebugContainerRunRequestSchema, message);
    return sum + (request.case === 'stdinData' ? request.value.length : 0);
  }, 0);
}

async function closedAt(stack: Stack, one: Case): Promise<number> {
  await until(() => callOf(stack, one.nonce)?.endedAt !== undefined);
  return callOf(stack, one.nonce)?.endedAt ?? Number.NaN;
}
