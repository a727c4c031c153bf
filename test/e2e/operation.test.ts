// A gateway as it is run: several replicas on one database, policies that change under it.
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { callApi } from '../../src/cli/client.ts';
import { openRecording } from '../../src/cli/recording-stream.ts';
import { followLogs, paths, reboot, version, worker } from '../support/calls.ts';
import { DebugSession, type DebugSpec, debugSpec, pullImage } from '../support/debug-session.ts';
import { vote } from '../support/http.ts';
import { expectStatus } from '../support/refusal.ts';
import { type Replica, startReplica } from '../support/replica.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
let other: Replica;
let image: string;
beforeAll(async () => {
  stack = await startStack({
    config: raw => {
      raw['approvals'] = { reason_required: false, max_open: 100 };
    },
  });
  other = await startReplica(stack);
  image = await pullImage(stack.as('bob'));
});
afterAll(async () => {
  await other.close();
  await stack.close();
});
beforeEach(() => {
  stack.clearCalls();
});

const runs = (): number => stack.seen().filter(call => call.path === paths.containerRun).length;

describe('two replicas', () => {
  test('let one approve what waits at the other, within a second', async () => {
    const session = new DebugSession(stack.as('bob'), debugSpec(image));
    const id = await session.requestId();
    const voted = performance.now();
    expect(await vote(other.api('carol'), id)).toBe('approved');
    await session.shows('approved by carol@example.com');
    expect(performance.now() - voted).toBeLessThan(2_000);
    await session.shows('# ');
    session.leave();
    await until(() => stack.nodes.worker.control.openStreams() === 0);
  });

  test('use a grant once between them', async () => {
    const spec: DebugSpec = debugSpec(image, { tty: false, args: ['/bin/sh'] });
    const asking = new DebugSession(other.as('bob'), spec);
    await asking.ends();
    const id = await asking.requestId();
    expect(await vote(stack.api('carol'), id)).toBe('approved');
    const tries = Array.from(
      { length: 8 },
      (_, at) => new DebugSession(at % 2 === 0 ? stack.as('bob') : other.as('bob'), spec),
    );
    await until(() => tries.filter(session => session.status !== undefined).length >= 7);
    await sleep(200);
    expect(tries.filter(session => session.status === undefined)).toHaveLength(1);
    expect(runs()).toBe(1);
    for (const session of tries) session.leave();
    await until(() => stack.nodes.worker.control.openStreams() === 0);
  });

  test('let one watch and end a session that runs at the other, within two seconds', async () => {
    const watch = await stack.watch();
    const session = new DebugSession(stack.as('bob'), debugSpec(image, { env: { TEST: 'watched' } }));
    expect(await vote(stack.api('carol'), await session.requestId())).toBe('approved');
    await session.shows('# ');
    const records = await watch.records();
    const id = records.find(({ kind }) => kind === 'session.started')?.callId ?? '';
    let seen = '';
    const watching = (async () => {
      const how = { watch: true, auditorKey: undefined, signal: AbortSignal.timeout(30_000) };
      for await (const item of openRecording(other.api('carol'), id, how)) {
        if (item.kind === 'event' && item.event.kind === 'output') seen += item.event.data.toString();
      }
    })();
    await until(() => seen.includes('# '));
    const typed = performance.now();
    session.type('id\r');
    await until(() => seen.includes('uid=0'));
    expect(performance.now() - typed).toBeLessThan(4_000);
    const killed = performance.now();
    await callApi(other.api('carol'), 'POST', `/api/v1/sessions/${id}/kill`, { reason: 'from next door' });
    expect(await session.exits()).toBe(1);
    expect(performance.now() - killed).toBeLessThan(4_000);
    expect(session.text).toContain('this session is ended by carol@example.com: "from next door"');
    await until(() => stack.nodes.worker.control.openStreams() === 0);
    await watching;
  });

  test('write one log without gaps', async () => {
    const watch = await stack.watch();
    await Promise.all(
      Array.from({ length: 40 }, (_, at) =>
        version(at % 2 === 0 ? stack.as('bob') : other.as('bob'), { node: worker }),
      ),
    );
    await until(async () => (await watch.records()).filter(({ kind }) => kind === 'call.outcome').length >= 40);
    const entries = await watch.entries();
    const first = Number(entries[0]?.index);
    expect(entries.map(({ index }) => Number(index))).toEqual(entries.map((_, at) => first + at));
    expect(new Set(entries.map(({ bootId }) => bootId)).size).toBe(2);
  });
});

describe('a policy file that changes', () => {
  const file = (): string => join(stack.directory, 'policies/policy.csv');

  test('is in force within a second on every replica, for new calls; those that run go on', async () => {
    const before = await readFile(file(), 'utf8');
    let lines = 0;
    const following = followLogs(other.as('bob'), { node: worker }, replies => {
      lines = replies.length;
      return lines > 60;
    });
    await until(() => lines > 2);
    const saved = performance.now();
    await appendFile(file(), 'p, user:bob@example.com, *, *, area:node, **, deny\n');
    for (const client of [stack.as('bob'), other.as('bob')]) {
      await until(async () => (await version(client)).code === 7, undefined, 3_000);
    }
    expect(performance.now() - saved).toBeLessThan(2_500);
    expectStatus(await reboot(stack.as('bob')), 'PERMISSION_DENIED', /denied by the rule at policies\/policy\.csv:\d+/);
    await writeFile(file(), before);
    await until(async () => (await version(other.as('bob'))).code === 0, undefined, 3_000);
    expect((await following).code).toBe(0);
  });
});
