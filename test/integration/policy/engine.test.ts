import { setImmediate } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { PolicyQuestion } from '../../../src/core/decision.ts';
import { createPolicyEngine, type PolicyEngine, type PolicyLoad } from '../../../src/policy/engine.ts';
import { actions, type Folder, folderWith } from './support.ts';

const aliceReads = 'p, user:alice, *, *, logs.read, logs/**, allow\n';
const bobReads = 'p, user:bob, *, *, logs.read, logs/**, allow\n';
const bobsCase = `- description: bob reads
  request: { as: bob, node: n1, action: logs.read, resource: logs/system/etcd }
  expect: allow
`;

const reads = (id: string): PolicyQuestion => ({
  principal: { id, kind: 'person', groups: [] },
  cluster: 'prod',
  node: 'n1',
  labels: {},
  action: 'logs.read',
  risk: 'read',
  resource: 'logs/system/kubelet',
  approvalFloor: false,
});

async function start(
  folder: Folder,
  watch = false,
): Promise<{ engine: PolicyEngine; loads: PolicyLoad[]; next: () => Promise<PolicyLoad> }> {
  const loads: PolicyLoad[] = [];
  let waiting: ((load: PolicyLoad) => void)[] = [];
  const onLoad = (load: PolicyLoad) => {
    loads.push(load);
    for (const resolve of waiting) resolve(load);
    waiting = [];
  };
  const engine = await createPolicyEngine({ directory: folder.directory, actions, onLoad, watch });
  onTestFinished(() => engine.close());
  return { engine, loads, next: () => new Promise(resolve => waiting.push(resolve)) };
}

describe('createPolicyEngine', () => {
  test('decides by all *.csv files, and reports what it loaded', async () => {
    const folder = await folderWith({
      'a.csv': aliceReads,
      'b.csv': bobReads,
      'notes.txt': 'x',
      '.hidden.csv': 'broken',
    });
    const { engine, loads } = await start(folder);
    expect(engine.decide(reads('alice'))).toMatchObject({
      effect: 'allow',
      rule: { file: `${folder.label}/a.csv`, line: 1 },
    });
    expect(engine.decide(reads('bob'))).toMatchObject({ effect: 'allow', rule: { file: `${folder.label}/b.csv` } });
    expect(engine.decide(reads('carol'))).toMatchObject({
      effect: 'deny',
      reason: 'no-rule',
      revision: engine.revision(),
    });
    expect(loads).toMatchObject([{ ok: true, revision: engine.revision() }]);
    expect(loads[0]?.files.map(file => file.name)).toEqual(
      ['a.csv', 'b.csv', 'model.conf'].map(name => `${folder.label}/${name}`),
    );
    expect(engine.revision()).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each([
    [
      'a rule with a mistake',
      { 'a.csv': `${aliceReads}p, user:bob, *, *, logs.reed, **, allow\n` },
      /a\.csv:2:20: unknown action "logs\.reed"/,
    ],
    [
      'a case that fails',
      { 'a.csv': aliceReads, 'a.test.yaml': bobsCase },
      /a\.test\.yaml:1: case "bob reads": expected allow, the rules say deny/,
    ],
    ['roles in a circle', { 'a.csv': 'g, role:a, role:b\ng, role:b, role:a\n' }, /a\.csv:[12]:1: .*circles/],
    ['no rules at all', {}, /there is no \*\.csv file/],
    [
      'another model',
      { 'a.csv': aliceReads, 'model.conf': '[matchers]\nm = true\n' },
      /model\.conf:1:1: the model differs/,
    ],
    [
      'a YAML file that nobody reads',
      { 'a.csv': aliceReads, 'tests.yaml': bobsCase },
      /tests\.yaml:1:1: this file is not read/,
    ],
  ])('does not start with %s', async (_, files, message) => {
    const folder = await folderWith(files);
    const loads: PolicyLoad[] = [];
    const starting = createPolicyEngine({
      directory: folder.directory,
      actions,
      onLoad: load => loads.push(load),
      watch: false,
    });
    await expect(starting).rejects.toMatchObject({
      code: 'bad-config',
      message: expect.stringMatching(message) as string,
    });
    expect(loads).toMatchObject([{ ok: false, running: undefined }]);
  });

  test('does not start without the folder', async () => {
    const starting = createPolicyEngine({ directory: '/nonexistent/policies', actions, onLoad: () => undefined });
    await expect(starting).rejects.toMatchObject({
      code: 'bad-config',
      message: expect.stringContaining('ENOENT') as string,
    });
  });
});

describe('reload', () => {
  test('brings new rules into force, under a new revision', async () => {
    const folder = await folderWith({ 'a.csv': aliceReads });
    const { engine, loads } = await start(folder);
    const before = engine.revision();
    await folder.write('a.csv', bobReads);
    expect(await engine.reload()).toMatchObject({ ok: true, revision: engine.revision() });
    expect(engine.revision()).not.toBe(before);
    expect([engine.decide(reads('alice')).effect, engine.decide(reads('bob')).effect]).toEqual(['deny', 'allow']);
    expect(loads).toHaveLength(2);
    await folder.write('a.csv', aliceReads);
    expect(await engine.reload()).toMatchObject({ revision: before });
  });

  test('keeps the running rules when any file has a mistake or any case fails, and says which', async () => {
    const folder = await folderWith({ 'a.csv': aliceReads });
    const { engine, loads } = await start(folder);
    const before = engine.revision();
    await folder.write('b.csv', `${bobReads}nonsense\n`);
    const broken = await engine.reload();
    expect(broken).toMatchObject({
      ok: false,
      running: before,
      error: expect.stringContaining(`${folder.label}/b.csv:2:1: `) as string,
    });
    await folder.remove('b.csv');
    await folder.write('a.test.yaml', bobsCase);
    const failing = await engine.reload();
    expect(failing).toMatchObject({ ok: false, error: expect.stringContaining('case "bob reads"') as string });
    expect(engine.revision()).toBe(before);
    expect([engine.decide(reads('alice')).effect, engine.decide(reads('bob')).effect]).toEqual(['allow', 'deny']);
    expect(loads.map(load => load.ok)).toEqual([true, false, false]);
  });

  test('many at once become two loads: the one under way and one after it', async () => {
    const folder = await folderWith({ 'a.csv': aliceReads });
    const { engine, loads } = await start(folder);
    const under = engine.reload();
    await setImmediate();
    await folder.write('a.csv', bobReads);
    const after = await Promise.all(Array.from({ length: 20 }, () => engine.reload()));
    expect(new Set([...after, await under]).size).toBeLessThanOrEqual(2);
    expect(loads.length).toBeLessThanOrEqual(3);
    expect(engine.decide(reads('bob')).effect).toBe('allow');
  });

  test('the revision covers names and contents, comments included', async () => {
    const folder = await folderWith({ 'a.csv': aliceReads });
    const { engine } = await start(folder);
    const revisions = [engine.revision()];
    await folder.write('a.csv', `${aliceReads}# why\n`);
    revisions.push((await engine.reload()).revision);
    await folder.remove('a.csv');
    await folder.write('b.csv', aliceReads);
    revisions.push((await engine.reload()).revision);
    expect(new Set(revisions).size).toBe(3);
  });

  test('lets the event loop turn while it compiles ten thousand rules', async () => {
    const folder = await folderWith({ 'a.csv': aliceReads });
    const { engine } = await start(folder);
    const lines = Array.from(
      { length: 10_000 },
      (_, index) => `p, user:u${index}, prod, n${index}, logs.read, logs/x${index}/**, allow\n`,
    );
    await folder.write('a.csv', aliceReads + lines.join(''));
    const reloading = engine.reload().then(load => load.ok);
    let turns = 0;
    while ((await Promise.race([reloading, setImmediate('turning')])) === 'turning') turns += 1;
    expect(await reloading).toBe(true);
    expect(turns).toBeGreaterThan(80);
    expect(engine.decide({ ...reads('u9999'), node: 'n9999', resource: 'logs/x9999/a' })).toMatchObject({
      effect: 'allow',
      rule: { line: 10_001 },
    });
  });
});

describe('watching', () => {
  test('an edit comes into force by itself, a bad one is reported and the rules stay', async () => {
    const folder = await folderWith({ 'a.csv': aliceReads });
    const { engine, next } = await start(folder, true);
    const good = next();
    await folder.write('a.csv', aliceReads + bobReads);
    expect(await good).toMatchObject({ ok: true });
    expect(engine.decide(reads('bob')).effect).toBe('allow');
    const bad = next();
    await folder.write('a.csv', 'p, oops\n');
    expect(await bad).toMatchObject({ ok: false });
    expect(engine.decide(reads('bob')).effect).toBe('allow');
  });
});

describe('explain', () => {
  test('speaks of the rules in force', async () => {
    const folder = await folderWith({ 'a.csv': aliceReads });
    const { engine } = await start(folder);
    expect(engine.explain(reads('alice'))).toMatchObject({
      effect: 'allow',
      matches: [{ decides: true }],
      revision: engine.revision(),
    });
  });
});
