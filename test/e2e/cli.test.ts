// The real command line, against files and against a running gateway.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/cli/context.ts';
import { cp as controlPlane, reboot, version, worker } from '../support/calls.ts';
import { binary, cli, startCli } from '../support/cli.ts';
import { DebugSession, debugSpec, pullImage } from '../support/debug-session.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'talosgate-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('from nothing to a configuration', () => {
  test('init writes one that check-config accepts once the operator has filled in what is theirs', async () => {
    const home = join(folder, 'home');
    const made = await binary(['init', home, '--name', 'gate.example.com', '127.0.0.1', '--user', 'ann@example.com']);
    expect(made).toMatchObject({ code: 0, error: '' });
    const again = await cli(['init', home]);
    expect(again).toMatchObject({ code: 1, error: expect.stringMatching(/not an empty directory/) as string });

    const before = await binary(['check-config', '-c', join(home, 'talosgate.yaml')]);
    expect(before.code).toBe(1);
    // Only what nobody else can know is missing: the Talos side and the database.
    const places = [...before.error.matchAll(/talosgate\.yaml:(\d+):\d+: (\S+)/g)].map(match => match[2] ?? '');
    expect(places.length).toBeGreaterThan(0);
    for (const place of places) expect(place).toMatch(/^(clusters|database)/);
    const config = await readFile(join(home, 'talosgate.yaml'), 'utf8');
    expect(config).not.toMatch(/BEGIN .*PRIVATE KEY/);
  });
});

describe('serve', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack.close());

  test.each([
    ['a misspelled key', 'listen:', 'lisen:', /broken\.yaml:\d+:\d+: lisen/],
    [
      'an address that is none',
      'address: 127.0.0.1:0',
      'address: nowhere',
      /broken\.yaml:\d+:\d+: listen\.grpc\.address/,
    ],
    [
      'a file that is not there',
      'pki/talos-ca.crt',
      'pki/none.crt',
      /broken\.yaml:\d+:\d+: clusters\.0\.talos_ca.*none\.crt/s,
    ],
    ['a secret in plain text', 'file: secrets/digest-key', 'text: hunter2', /broken\.yaml:\d+:\d+: audit\.digest_key/],
    ['what is no YAML', 'listen:', 'listen: [', /broken\.yaml:\d+/],
  ])('refuses %s, naming file, line and remedy', async (what, from, to, message) => {
    const text = await readFile(join(stack.directory, 'talosgate.yaml'), 'utf8');
    expect(text).toContain(from);
    const file = join(stack.directory, 'broken.yaml');
    await writeFile(file, text.replace(from, to));
    const run = what === 'a misspelled key' ? binary : cli;
    const { code, error } = await run(['serve', '-c', file]);
    expect(code).toBe(1);
    expect(error).toMatch(message);
    expect(error).not.toMatch(/^ {4}at /m);
    expect(error).not.toContain('hunter2');
  });

  test('refuses a policy whose cases fail, and a database that is not there, in a sentence', async () => {
    const text = await readFile(join(stack.directory, 'talosgate.yaml'), 'utf8');
    await cp(join(stack.directory, 'policies'), join(stack.directory, 'other'), { recursive: true });
    const cases =
      '- description: nobody\n  request: { as: x, node: n, action: node.version, resource: node }\n  expect: allow\n';
    await writeFile(join(stack.directory, 'other/x.test.yaml'), cases);
    const wrongPolicy = join(stack.directory, 'wrong-policy.yaml');
    await writeFile(wrongPolicy, text.replace('directory: policies', 'directory: other'));
    const refused = await binary(['serve', '-c', wrongPolicy]);
    expect(refused.code).toBe(1);
    expect(refused.error).toMatch(/x\.test\.yaml:1: case "nobody"/);

    await writeFile(join(stack.directory, 'secrets/nowhere'), 'postgres://u:secret-word@127.0.0.1:1/x\n');
    const wrongDatabase = join(stack.directory, 'wrong-database.yaml');
    await writeFile(wrongDatabase, text.replace('secrets/database-url', 'secrets/nowhere'));
    const away = await binary(['serve', '-c', wrongDatabase]);
    expect(away.code).toBe(1);
    expect(away.error).toMatch(/database|Postgres/);
    expect(away.error + away.out).not.toMatch(/secret-word|^ {4}at /m);
  });

  test('runs until it is told to stop', async () => {
    const text = await readFile(join(stack.directory, 'talosgate.yaml'), 'utf8');
    const file = join(stack.directory, 'second.yaml');
    await writeFile(file, text.replace('level: warn', 'level: info'));
    const gateway = startCli(['serve', '-c', file]);
    await until(
      () => gateway.out.includes('talosgate is up'),
      () => gateway.out,
      20_000,
    );
    const watch = await stack.watch();
    gateway.process.kill('SIGTERM');
    expect((await gateway.done).code).toBe(0);
    expect((await watch.records()).map(record => record.kind)).toContain('boot.close');
    expect(gateway.out).not.toMatch(/postgres:\/\//);
  });
});

describe('policy', () => {
  const policies = `${packageRoot}policies`;

  test('test runs the shipped cases', async () => {
    const { code, out } = await binary(['policy', 'test']);
    expect(out).toMatch(/^\d{2,} passed, 0 failed$/m);
    expect(code).toBe(0);
  });

  test('test says which case fails, where and why', async () => {
    const copy = join(folder, 'policies');
    await cp(policies, copy, { recursive: true });
    const file = join(copy, 'policy.test.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replace('expect: allow', 'expect: deny'));
    const { code, out } = await cli(['policy', 'test', '--policies', copy]);
    expect(code).toBe(1);
    expect(out).toMatch(/^FAIL .*policy\.test\.yaml:\d+ .*: expected deny, the rules say allow/m);
  });

  test('lint has nothing against the shipped rules, and something against careless ones', async () => {
    expect((await binary(['policy', 'lint'])).code).toBe(0);
    const copy = join(folder, 'careless');
    await cp(policies, copy, { recursive: true });
    await writeFile(join(copy, 'extra.csv'), 'p, role:viewer, *, *, class:credential, **, allow\n');
    expect((await cli(['policy', 'lint', '--policies', copy])).out).toMatch(/extra\.csv:1: \w+ wildcard-on-secrets/);
    await writeFile(join(copy, 'extra.csv'), 'p, role:viewer, *, *, no.such.action, **, allow\n');
    const { code, out } = await cli(['policy', 'lint', '--policies', copy]);
    expect(code).toBe(1);
    expect(out).toMatch(/extra\.csv:1: error /);
  });

  test('explain tells the rule and the way to it; its exit code tells the effect', async () => {
    const ask = (who: string, run: typeof cli = cli): ReturnType<typeof cli> =>
      run(['policy', 'explain', '--as', who, '--node', 'w1', 'logs.read', 'logs/system/kubelet']);
    const allowed = await ask('alice@example.com');
    expect(allowed.code).toBe(0);
    expect(allowed.out).toMatch(/^ALLOW[\s\S]*roles\.csv:\d+[\s\S]*role:viewer/);
    const denied = await ask('stranger@example.com', binary);
    expect(denied.code).toBe(1);
    expect(denied.out).toMatch(/^DENY/);
  });
});

describe('audit and approvals', () => {
  let stack: Stack;
  let env: Record<string, string>;
  beforeAll(async () => {
    stack = await startStack();
    for (const first of ['alice', 'bob', 'carol'] as const) {
      const { server } = stack.api(first);
      const text = `server: ${server}\nca: pki/clients-ca.crt\ncertificate: pki/${first}.crt\nkey: pki/${first}.key\n`;
      await writeFile(join(stack.directory, `${first}.client.yaml`), text);
    }
    env = as('carol');
    await version(stack.as('alice'), { node: worker });
    await reboot(stack.as('alice'), { node: controlPlane });
  });
  afterAll(() => stack.close());

  const as = (first: string): Record<string, string> => ({
    TALOSGATE_CLIENT: join(stack.directory, `${first}.client.yaml`),
  });

  test('list, show and tail', async () => {
    const listed = await binary(
      ['audit', 'list', '--who', 'alice@example.com', '--since', '15m', '--kind', 'call.deny'],
      {
        env,
      },
    );
    expect(listed.error).toBe('');
    const [header, row, ...more] = listed.out.trimEnd().split('\n');
    expect(header).toMatch(/^INDEX +TIME +KIND +WHO +NODE +ACTION +RESOURCE +DECISION +CODE +CALL$/);
    expect(row).toMatch(
      /call\.deny +alice@example\.com +demo-cp-1 +node\.reboot +power\/\S+ +deny \(no-rule\) +7 +[0-9a-f-]{36}$/,
    );
    expect(more).toEqual([]);
    const call = row?.split(' ').at(-1) ?? '';

    const shown = await cli(['audit', 'show', call], { env });
    expect(shown.out).toMatch(/who +alice@example\.com[\s\S]*NODE demo-cp-1\n.*refused: no-rule, PERMISSION_DENIED/);
    const records = await cli(['audit', 'show', call, '-o', 'records'], { env });
    expect(records.out).toMatch(/call\.deny[\s\S]*principal +alice@example\.com[\s\S]*leaf +[0-9a-f]{64}/);
    const json = await cli(['audit', 'show', call, '-o', 'json'], { env });
    // The call may be the one by which she logged in; the denial is its last record.
    expect((JSON.parse(json.out) as unknown[]).at(-1)).toMatchObject({ record: { callId: call, kind: 'call.deny' } });
    const lines = await cli(['audit', 'show', call, '-o', 'jsonl'], { env });
    expect(JSON.parse(lines.out.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      record: { callId: call, kind: 'call.deny' },
    });
    expect((await cli(['audit', 'list', '--until', '15m', '-o', 'json'], { env })).out).toBe('[]\n');
    expect((await cli(['audit', 'list', '--until', '15m', '-o', 'jsonl'], { env })).out).toBe('');

    const stats = await cli(['audit', 'stats', '--since', '1h'], { env });
    expect(stats.out).toMatch(/^2 node calls from [\s\S]*WHO +alice@example\.com +2\n[\s\S]*OUTCOME +OK +1\n/);

    const tail = startCli(['audit', 'tail', '--action', 'node.version'], { env });
    await until(async () => {
      await version(stack.as('alice'), { node: worker });
      return tail.out.includes('call.intent');
    });
    tail.process.kill('SIGINT');
    expect((await tail.done).code).toBe(0);
    expect(tail.out).not.toContain('node.reboot');
  });

  test('say in a sentence what is not allowed or not there', async () => {
    expect(await binary(['audit', 'list'], { env: as('alice') })).toMatchObject({
      code: 1,
      out: '',
      error:
        'talosgate: alice@example.com may not audit.read on audit; ask whoever keeps the policy files for a rule\n',
    });
    expect((await cli(['audit', 'show', '01a205c3-5698-73eb-b582-71c715ecd6de'], { env })).error).toMatch(
      /no call 01a2/,
    );
    expect((await cli(['audit', 'list', '--limit', 'x'], { env })).error).toMatch(/limit/);
    expect((await cli(['audit', 'list', '--since', 'soon'], { env })).error).toMatch(/an age such as 15m/);
    expect((await cli(['audit', 'list', '-o', 'xml'], { env })).error).toMatch(/there is table, json, jsonl/);
    const missing = await cli(['migrate', '--admin-url-file', '/nowhere', '-c', `${stack.directory}/talosgate.yaml`]);
    expect(missing.error).toMatch(/^cannot read \/nowhere: /);
    expect((await cli(['approvals', 'show', 'dbg-22222'], { env })).error).toMatch(/no approval dbg-22222/);
    const stranger = await cli([
      'audit',
      'list',
      '--server',
      stack.api('carol').server,
      '--ca',
      stack.api('carol').ca ?? '',
    ]);
    expect(stranger.error).toMatch(/^log in with a client certificate or a token/);
    const untrusted = await cli(['audit', 'list', '--server', stack.api('carol').server]);
    expect(untrusted.error).toMatch(/^cannot reach .*certificate/);
  });

  test('decide on a debug container', async () => {
    const image = await pullImage(stack.as('bob'));
    const session = new DebugSession(stack.as('bob'), debugSpec(image));
    const id = await session.raise('look at kubelet');
    const listed = await cli(['approvals', 'list', '--state', 'pending'], { env });
    expect(listed.out).toMatch(
      new RegExp(
        `^${id} +pending +bob@example\\.com +demo-worker-1 +debug\\.run +debug/privileged +look at kubelet`,
        'm',
      ),
    );
    const shown = await cli(['approvals', 'show', id], { env });
    expect(shown.out).toContain(image);
    const own = await cli(['approvals', 'approve', id], { env: as('bob') });
    expect(own).toMatchObject({ code: 1, error: expect.stringMatching(/may not approvals\.decide/) as string });
    expect((await cli(['approvals', 'deny', id], { env })).error).toMatch(/say why with --reason/);
    const approved = await binary(['approvals', 'approve', id, '--reason', 'go ahead'], { env });
    expect(approved).toMatchObject({
      code: 0,
      out: expect.stringMatching(`^${id} is approved: bob@example.com on`) as string,
    });
    await session.shows('approved by carol@example.com ("go ahead")');
    await session.shows('# ');
    session.leave();
  });
});
