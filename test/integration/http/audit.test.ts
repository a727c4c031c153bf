// The audit log through the JSON API, on a whole gateway.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { streamApi } from '../../../src/cli/client.ts';
import type { AuditWatch } from '../../support/audit-watch.ts';
import { cp, reboot, version, worker, worker2 } from '../../support/calls.ts';
import { ask, type HttpAnswer } from '../../support/https.ts';
import { type Stack, startStack } from '../../support/stack.ts';
import { until } from '../../support/until.ts';

interface Entry {
  readonly index: string;
  readonly time: string;
  readonly boot: string;
  readonly sequence: string;
  readonly leaf: string;
  readonly record: Readonly<Record<string, unknown>>;
}

let stack: Stack;
let watch: AuditWatch;
/** Index before the calls of the set-up, and the id of the call to three nodes. */
let start: string;
let callId: string;
beforeAll(async () => {
  stack = await startStack();
  watch = await stack.watch();
  start = (await list('limit=1'))[0]?.index ?? '';
  await watch.moveOn();
  await version(stack.as('alice'), { nodes: [cp, worker, worker2] });
  const records = await watch.kinds(...three('call.intent'), ...three('call.outcome'));
  callId = records[0]?.callId ?? '';
  await reboot(stack.as('alice'), { node: worker });
  await version(stack.as('bob-jwt'), { node: cp });
  await until(async () => (await watch.records()).filter(({ kind }) => kind === 'call.outcome').length === 4);
});
afterAll(() => stack.close());
beforeEach(() => watch.moveOn());

function three<T extends string>(kind: T): T[] {
  return [kind, kind, kind];
}

function get(query: string): Promise<HttpAnswer> {
  return ask(stack.api('carol'), `/api/v1/audit?${query}`);
}

async function list(query: string): Promise<Entry[]> {
  const answer = await get(query);
  expect(`${answer.status} ${answer.status === 200 ? '' : answer.text}`).toBe('200 ');
  return (answer.body as { entries: Entry[] }).entries;
}

/** Kinds and nodes of what a filter finds among the calls of the set-up. */
async function found(query: string): Promise<string[]> {
  const kinds = query.includes('kind=') ? '' : '&kind=call.intent,call.outcome,call.deny';
  const entries = await list(`after=${start}&limit=1000${kinds}&${query}`);
  return entries.map(({ record }) => `${String(record['kind']).slice(5)} ${String(record['node'])}`).toSorted();
}

const everywhere = (kind: string): string[] => [cp, worker, worker2].map(node => `${kind} ${node}`);

describe('the list', () => {
  test.each([
    ['who=alice@example.com', [`deny ${worker}`, ...everywhere('intent'), ...everywhere('outcome')]],
    ['who=bob*', [`intent ${cp}`, `outcome ${cp}`]],
    ['who=bob', []],
    [`node=${worker}`, [`deny ${worker}`, `intent ${worker}`, `outcome ${worker}`]],
    ['node=demo-worker-*&kind=call.intent', [`intent ${worker}`, `intent ${worker2}`]],
    ['action=node.reboot', [`deny ${worker}`]],
    ['action=node.*&decision=deny', [`deny ${worker}`]],
    ['method=/machine.MachineService/Reboot', [`deny ${worker}`]],
    ['risk=destructive', [`deny ${worker}`]],
    ['reason=no-rule', [`deny ${worker}`]],
    ['outcome=7', [`deny ${worker}`]],
    ['outcome=permission_denied', [`deny ${worker}`]],
    ['outcome=OK&node=demo-cp-1', [`outcome ${cp}`, `outcome ${cp}`]],
    ['cluster=demo&who=bob@example.com', [`intent ${cp}`, `outcome ${cp}`]],
    ['cluster=other', []],
    ['resource=power/*', [`deny ${worker}`]],
    ['decision=allow&who=bob@example.com', [`intent ${cp}`]],
    ['since=2020-01-01T00:00:00Z&risk=destructive', [`deny ${worker}`]],
    ['since=2100-01-01T00:00:00Z', []],
    ['until=2020-01-01T00:00:00Z', []],
    ['who=%25', []],
    ["who=' OR true --", []],
    ['group=nobody', []],
    ['peer=127.0.0.1&decision=deny', [`deny ${worker}`]],
    ['peer=127.0.0.0/8&decision=deny', [`deny ${worker}`]],
    ['peer=10.0.0.0/8', []],
    ['peer=2001:db8::/32', []],
    ['outcome=server&node=demo-cp-1', [`outcome ${cp}`, `outcome ${cp}`]],
    ['outcome=unknown', []],
    ['rule=policies/*&who=bob@example.com', [`intent ${cp}`]],
  ] as const)('filtered by %s', async (query, expected) => {
    expect(await found(query.replaceAll(' ', '%20'))).toEqual(expected.toSorted());
  });

  test('filtered by call has the whole call', async () => {
    expect(await found(`call=${callId}`)).toEqual([...everywhere('intent'), ...everywhere('outcome')].toSorted());
  });

  test('is cut into pages that miss nothing and repeat nothing, both ways', async () => {
    const last = (await list('limit=1'))[0]?.index ?? '';
    const forward: string[] = [];
    for (let after = start; BigInt(after) < BigInt(last); ) {
      const page = await list(`after=${after}&limit=3`);
      expect(page.length).toBeLessThanOrEqual(3);
      forward.push(...page.map(entry => entry.index));
      after = forward.at(-1) ?? last;
    }
    const backward: string[] = [];
    for (let before = forward.at(-1) ?? ''; BigInt(before) > BigInt(start) + 1n; ) {
      const page = await list(`before=${before}&limit=4`);
      backward.push(...page.map(entry => entry.index));
      before = backward.at(-1) ?? start;
    }
    const expected = forward.filter(index => BigInt(index) > BigInt(start)).map(Number);
    expect(expected).toEqual(Array.from({ length: expected.length }, (_, at) => Number(start) + 1 + at));
    expect(new Set(backward).size).toBe(backward.length);
    expect(backward.filter(index => BigInt(index) > BigInt(start)).toReversed()).toEqual(forward.slice(0, -1));
  });

  test('shows each entry with its place in the log', async () => {
    const [entry] = await list(`call=${callId}&kind=call.intent&limit=1`);
    expect(entry?.leaf).toMatch(/^[0-9a-f]{64}$/);
    expect(entry?.index).toMatch(/^\d+$/);
    expect(entry?.sequence).toMatch(/^\d+$/);
    expect(entry?.boot).toMatch(/^[0-9a-f-]{36}$/);
    expect(Date.parse(entry?.time ?? '')).toBeGreaterThan(Date.now() - 600_000);
  });

  test('is itself on record, with who looked for what and from where', async () => {
    await list('who=alice@example.com&limit=1');
    const [record] = await watch.kinds('audit.read');
    expect(record).toMatchObject({
      principal: 'carol@example.com',
      action: 'audit.read',
      decision: 'allow',
      details: { query: '/api/v1/audit?who=alice@example.com&limit=1' },
      peerAddress: '127.0.0.1',
    });
  });

  test.each([
    'limit=0',
    'limit=1001',
    'limit=abc',
    'before=-1',
    'after=1.5',
    'before=99999999999999999999',
    'kind=call.nothing',
    'outcome=NOPE',
    'outcome=99',
    'since=yesterday',
    'since=-271821-04-20T00:00:00Z',
    'until=%2B275760-09-13T00:00:00Z',
    'color=red',
    'who=%00',
    'node=a%00b',
    `who=${'x'.repeat(513)}`,
    'call=not-a-call',
    'peer=nowhere',
    'peer=10.0.0.0/64',
    'risk=high',
    'decision=maybe',
    'call=a&session=b',
  ])('with %s is a mistake of the caller, and is explained', async query => {
    const answer = await get(query);
    // What cannot exist may also just not be found.
    if (answer.status === 200) expect((answer.body as { entries: Entry[] }).entries).toEqual([]);
    else expect(answer.body).toMatchObject({ status: 400, code: 'bad-request', instance: '/api/v1/audit' });
  });
});

test.each([
  ['color=red', 'there is no "color" here; known are kind, who, group, cluster, node'],
  ['limit=0', 'limit must be >= 1: How many, at most 1000.'],
  ['before=-1', 'before: this cannot stand here: Entries below this index, newest first.'],
  ['risk=high', 'risk: there is no "high"; known are read, write, destructive, credential, shell'],
  ['kind=call.nothing', 'kind: there is no "call.nothing"; known are call.deny'],
  ['outcome=NOPE', 'outcome: there is no "NOPE"; give a gRPC code such as OK or 7'],
  ['since=yesterday', 'since: "yesterday" is no time; write 2026-01-31T12:00:00Z'],
  ['peer=nowhere', 'peer: "nowhere" is no address or network; write 192.0.2.7, 192.0.2.0/24'],
])('the list with %s is told what to write instead', async (query, detail) => {
  expect((await get(query)).body).toMatchObject({ detail: expect.stringContaining(detail) as string });
});

describe('the counts', () => {
  test('are those of the calls of the set-up', async () => {
    const { body } = await ask(stack.api('carol'), '/api/v1/audit/stats');
    expect(body).toMatchObject({
      calls: 5,
      who: [
        { value: 'alice@example.com', count: 4 },
        { value: 'bob@example.com', count: 1 },
      ],
      decision: [
        { value: 'allow', count: 4 },
        { value: 'deny', count: 1 },
      ],
      outcome: [{ value: '0', count: 4 }],
    });
  });

  test.each(['since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z', 'top=0', 'who=alice'])(
    'with %s are refused',
    async query => {
      expect((await ask(stack.api('carol'), `/api/v1/audit/stats?${query}`)).status).toBe(400);
    },
  );
});

describe('one call', () => {
  const show = (call: string): Promise<HttpAnswer> => ask(stack.api('carol'), `/api/v1/audit/calls/${call}`);

  test('is shown with its intents and outcomes in log order', async () => {
    const { entries } = (await show(callId)).body as { entries: Entry[] };
    const kinds = entries.map(({ record }) => record['kind']).filter(kind => kind !== 'auth.login');
    expect(kinds).toEqual([...three('call.intent'), ...three('call.outcome')]);
    const indexes = entries.map(({ index }) => Number(index));
    expect(indexes).toEqual(indexes.toSorted((a, b) => a - b));
    await watch.kinds('audit.read');
  });

  test.each([
    ['01a205c3-5698-73eb-b582-71c715ecd6de', 404],
    ['-'.repeat(36), 404],
    ['x', 400],
    [`${'0'.repeat(36)}%00`, 400],
  ])('that is not there, %s, gives %d', async (call, status) => {
    expect((await show(call)).status).toBe(status);
  });
});

describe('the tail', () => {
  test('tells entries as they are written, filtered, and starts where it is told to', async () => {
    const stop = new AbortController();
    const seen: Entry[] = [];
    const path = `/api/v1/audit/tail?who=alice@example.com&kind=call.intent,call.outcome&after=${start}`;
    const reading = (async () => {
      for await (const line of streamApi(stack.api('carol'), path, stop.signal)) seen.push(line as Entry);
    })();
    await until(() => seen.length === 6);
    await version(stack.as('alice'), { node: cp });
    await version(stack.as('bob'), { node: cp });
    await until(() => seen.length === 8);
    stop.abort();
    await reading;
    expect(seen.slice(6).map(({ record }) => [record['kind'], record['principal']])).toEqual([
      ['call.intent', 'alice@example.com'],
      ['call.outcome', 'alice@example.com'],
    ]);
    const reads = (await watch.records()).filter(({ kind }) => kind === 'audit.read');
    expect(reads.map(({ details }) => details)).toEqual([{ query: path }]);
  });

  test('begins with what comes next when nothing is said', async () => {
    const stop = new AbortController();
    const seen: Entry[] = [];
    const reading = (async () => {
      const path = '/api/v1/audit/tail?kind=call.deny';
      for await (const line of streamApi(stack.api('carol'), path, stop.signal)) seen.push(line as Entry);
    })();
    await until(async () => (await watch.records()).some(({ kind }) => kind === 'audit.read'));
    await until(async () => {
      await reboot(stack.as('alice'));
      return seen.length > 0;
    });
    stop.abort();
    await reading;
    expect(seen.every(({ record }) => record['kind'] === 'call.deny')).toBe(true);
    expect(BigInt(seen[0]?.index ?? 0)).toBeGreaterThan(BigInt(start) + 7n);
  });

  test.each(['since=never', 'limit=5', 'kind=x'])('with %s does not begin', async query => {
    expect((await ask(stack.api('carol'), `/api/v1/audit/tail?${query}`)).status).toBe(400);
  });
});
