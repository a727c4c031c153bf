// What reviewers see of configurations and of hidden values, through a whole gateway.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ApplyConfigurationRequest_Mode as Mode } from '../../../src/gen/machine/machine_pb.js';
import { applyConfig, worker, worker2 } from '../../support/calls.ts';
import { cli } from '../../support/cli.ts';
import { ask } from '../../support/https.ts';
import { type Stack, startStack } from '../../support/stack.ts';
import { until } from '../../support/until.ts';

interface Change {
  readonly who: string;
  readonly result: string;
  readonly config: string;
  readonly count: number;
  readonly changes: readonly unknown[];
  readonly why: string;
  readonly hash: string;
  readonly against: string;
  readonly dryRun: boolean;
  readonly mode: string;
}

let stack: Stack;
let folder: string;
let env: Record<string, string>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'talosgate-review-'));
  const former = join(folder, 'former.key');
  await writeFile(former, 'f'.repeat(40));
  stack = await startStack({
    config: config => {
      Object.assign(config['audit'] as object, { former_digest_keys: [{ id: 'k0', key: { file: former } }] });
    },
  });
  const { server } = stack.api('carol');
  const client = `server: ${server}\nca: pki/clients-ca.crt\ncertificate: pki/carol.crt\nkey: pki/carol.key\n`;
  env = { TALOSGATE_CLIENT: join(stack.directory, 'carol.client.yaml') };
  await writeFile(env['TALOSGATE_CLIENT'] ?? '', client);
});
afterAll(async () => {
  await stack.close();
  await rm(folder, { recursive: true });
});

function machine(token: string, more: object = {}): Buffer {
  const main = { version: 'v1alpha1', machine: { type: 'worker', token, ...more }, cluster: { clusterName: 'demo' } };
  return Buffer.from(stringify(main));
}

async function history(node: string): Promise<Change[]> {
  const { body } = await ask(stack.api('carol'), `/api/v1/audit/config-history?node=${node}`);
  return (body as { changes: Change[] }).changes;
}

describe('the history of a configuration', () => {
  test('tells what changed, by whom and with what result, and never a secret', async () => {
    const bob = stack.as('bob');
    expect((await applyConfig(bob, { node: worker }, { mode: Mode.STAGED, data: machine('join-me-one') })).code).toBe(
      0,
    );
    const second = machine('join-me-two', { sysctls: { 'net.core.somaxconn': '4096' } });
    await applyConfig(bob, { node: worker }, { mode: Mode.STAGED, data: second, dryRun: true });
    await applyConfig(bob, { node: worker }, { data: second, mode: Mode.TRY });
    await applyConfig(stack.as('alice'), { node: worker }, { mode: Mode.STAGED, data: second });
    expect((await applyConfig(bob, { node: worker }, { mode: Mode.STAGED, data: second })).code).toBe(0);
    expect((await applyConfig(bob, { node: worker }, { mode: Mode.STAGED, data: second })).code).toBe(0);
    await applyConfig(bob, { node: worker }, { mode: Mode.STAGED, data: Buffer.from('machine: [join-me-three') });
    const strange = machine('join-me-two', { notTalos: { password: 'join-me-four' } });
    const refused = await applyConfig(bob, { node: worker }, { mode: Mode.STAGED, data: strange });
    expect(refused.message).toContain('join-me-four');
    await until(async () => (await history(worker)).every(change => change.result !== 'running'));

    const changes = await history(worker);
    expect(changes.map(change => [change.who.split('@')[0], change.result, change.config, change.count])).toEqual([
      ['bob', 'failed', 'changed', 2],
      ['bob', 'failed', 'unreadable', 0],
      ['bob', 'applied', 'unchanged', 0],
      ['bob', 'applied', 'changed', 2],
      ['alice', 'refused', 'changed', 2],
      ['bob', 'failed', 'changed', 2],
      ['bob', 'dry-run', 'changed', 2],
      ['bob', 'applied', 'first seen', 4],
    ]);
    const [, unreadable, , applied, , , , first] = changes;
    expect(unreadable?.why).toBe('not YAML');
    const digest = { digest: expect.stringMatching(/^k1:[0-9a-f]{64}$/) as string, length: '11' };
    expect(applied?.changes).toEqual([
      ['~', 'machine.token', digest, digest],
      ['+', 'machine.sysctls.net.core.somaxconn', '4096'],
    ]);
    expect(applied?.against).toBe(first?.hash);
    expect(JSON.stringify(changes)).not.toContain('join-me');

    const shown = await cli(['audit', 'config-history', worker], { env });
    expect(shown.error).toBe('');
    expect(shown.out).toMatch(/bob@example\.com {2}demo\/demo-worker-1 {2}\S+ {2}applied {2}\(changed, 2 differ\)/);
    expect(shown.out).toMatch(/~ machine\.token: <hidden k1:[0-9a-f]{12}…> -> <hidden k1:[0-9a-f]{12}…>/);
    expect((await cli(['audit', 'config-history', 'demo-cp-1'], { env })).error).toMatch(/nothing was done/);
  });

  test('is kept for each node of a call to several', async () => {
    await applyConfig(
      stack.as('bob'),
      { nodes: [worker, worker2] },
      { mode: Mode.STAGED, data: machine('join-me-five') },
    );
    await until(
      async () => (await history(worker2))[0]?.result === 'applied' && (await history(worker))[0]?.result === 'applied',
    );
    expect((await history(worker2))[0]?.config).toBe('first seen');
    expect((await history(worker))[0]?.config).toBe('changed');
  });
});

describe('a look-up', () => {
  test('finds where a hidden value stood, in requests and in configurations', async () => {
    const data = machine('join-me-six');
    await applyConfig(stack.as('bob'), { node: worker2 }, { data, dryRun: true });
    const file = join(stack.directory, 'value');
    const lookup = (field: string, ...more: string[]): ReturnType<typeof cli> =>
      cli(['audit', 'lookup', '--field', field, '--value-file', file, ...more], { env });
    await writeFile(file, 'join-me-six\n');
    const found = await lookup('machine.token', '--trim');
    expect(found.out).toMatch(/call\.intent +bob@example\.com +demo-worker-2 +config\.apply/);
    expect(found.out.split('\n')).toHaveLength(3);
    const none = await lookup('machine.token');
    expect(none.error).toMatch(/^no record; looked for k1:[0-9a-f]{64}, k0:[0-9a-f]{64}\n$/);
    await writeFile(file, data);
    expect((await lookup('data', '-o', 'jsonl')).out.trim().split('\n')).toHaveLength(1);
  });

  test('is on record with field and digests, not with the value', async () => {
    const value = Buffer.from('join-me-seven').toString('base64');
    const asked = await ask(stack.api('carol'), '/api/v1/audit/lookup', {
      method: 'POST',
      body: { field: 'x', value },
    });
    expect(asked.body).toMatchObject({ entries: [] });
    const reads = await ask(stack.api('carol'), '/api/v1/audit?kind=audit.read&limit=3');
    expect(reads.text).toContain('"field":"x"');
    expect(reads.text).not.toMatch(/join-me|am9pbi1tZS1/);
  });

  test('says what is missing', async () => {
    expect((await cli(['audit', 'lookup', '--field', 'x', '--value-file', '/nowhere'], { env })).error).toMatch(
      /^cannot read \/nowhere/,
    );
    const answer = await ask(stack.api('carol'), '/api/v1/audit/lookup', { method: 'POST', body: { field: 'x' } });
    expect(answer.body).toMatchObject({ status: 400, detail: 'value is missing: The value, base64.' });
  });
});
