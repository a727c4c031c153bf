// `talosgate audit tail` over connections that break: nothing missed, nothing twice, and mistakes told once.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { followLog } from '../../../src/cli/audit-tail.ts';
import type { ClientSettings } from '../../../src/cli/client.ts';
import { cp, version, worker } from '../../support/calls.ts';
import { ask } from '../../support/https.ts';
import { type Stack, startStack } from '../../support/stack.ts';
import { until } from '../../support/until.ts';
import { startTcpProxy, type TcpProxy } from '../audit/tcp-proxy.ts';

let stack: Stack;
let proxy: TcpProxy;
let settings: ClientSettings;
beforeAll(async () => {
  stack = await startStack();
  proxy = await startTcpProxy(stack.api('carol').server);
  settings = { ...stack.api('carol'), server: proxy.url };
});
afterAll(async () => {
  await proxy.close();
  await stack.close();
});

test('a tail goes on exactly where a broken connection ended', async () => {
  const seen: string[] = [];
  const told: string[] = [];
  const stop = new AbortController();
  // Without her log-in, which the first of these connections may or may not see.
  const kind = 'call.intent,call.outcome';
  const query = new URLSearchParams({ who: 'alice@example.com', kind });
  const following = (async () => {
    for await (const entry of followLog(settings, query, stop.signal, { error: line => told.push(line) }, 20)) {
      seen.push(entry.index);
    }
  })();
  await until(() => query.has('after'));
  const start = query.get('after') ?? '';
  for (let round = 0; round < 12; round += 1) {
    // Cut in the headers, between records and in the middle of one.
    proxy.cutAfter(100 + round * 700);
    await version(stack.as('alice'), { node: round % 2 === 0 ? cp : worker });
    await version(stack.as('bob'), { node: cp });
  }
  const expected = async (): Promise<string[]> => {
    const path = `/api/v1/audit?who=alice@example.com&kind=${kind}&limit=1000&after=${start}`;
    const { body } = await ask(stack.api('carol'), path);
    return (body as { entries: { index: string }[] }).entries.map(entry => entry.index);
  };
  await until(async () => (await expected()).length === 24 && seen.length >= 24);
  stop.abort();
  await following;
  expect(seen).toEqual(await expected());
  expect(told.length).toBeGreaterThan(0);
  expect(told[0]).toMatch(/^talosgate: (the connection to https:\S+ broke|cannot reach|the gateway ended)/);
});

const mistakes: [string, () => ClientSettings, Record<string, string>, string][] = [
  ['a mistake', () => settings, { since: 'never' }, 'bad-request'],
  ['nobody there', () => ({ ...settings, server: 'https://127.0.0.1:1' }), {}, 'upstream-unavailable'],
  ['no right', () => stack.api('alice'), {}, 'denied'],
];
test.each(mistakes)('%s ends a tail at once', async (_, whom, query, code) => {
  const output = { error: () => undefined };
  const lines = followLog(whom(), new URLSearchParams(query), new AbortController().signal, output);
  await expect(lines.next()).rejects.toMatchObject({ code });
});
