// A hundred secrets go through the gateway by every way in and out that it has; none may be found in what it keeps or tells.
import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import {
  MetaWriteRequestSchema,
  MetaWriteResponseSchema,
  ApplyConfigurationRequest_Mode as Mode,
} from '../../src/gen/machine/machine_pb.js';
import { sql } from '../integration/audit/support.ts';
import { applyConfig, cp, paths, version, worker } from '../support/calls.ts';
import { cli } from '../support/cli.ts';
import { DebugSession, debugSpec, pullImage } from '../support/debug-session.ts';
import { vote } from '../support/http.ts';
import { ask } from '../support/https.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
const canaries: string[] = [];
beforeAll(async () => {
  stack = await startStack({
    policy: [
      'p, user:bob@example.com, *, *, meta.write, **, allow',
      'p, user:bob@example.com, *, *, etcd.recover-upload, **, allow',
    ],
  });
});
afterAll(() => stack.close());

/** A new secret that occurs nowhere else. */
function canary(): string {
  const secret = `Canary${canaries.length}x${randomBytes(15).toString('hex')}`;
  canaries.push(secret);
  return secret;
}

/** Where a machine configuration holds secrets, and places that Talos does not know. */
const places = [
  'machine.token',
  'machine.ca.key',
  'machine.ca.crt',
  'cluster.secret',
  'cluster.token',
  'cluster.id',
  'cluster.ca.key',
  'cluster.aescbcEncryptionSecret',
  'cluster.secretboxEncryptionSecret',
  'cluster.aggregatorCA.key',
  'cluster.serviceAccount.key',
  'cluster.etcd.ca.key',
  'cluster.apiServer.extraArgs.oidc-client-secret',
  'cluster.apiServer.env.TOKEN',
  'cluster.inlineManifests[].contents',
  'cluster.extraManifests[]',
  'cluster.extraManifestHeaders.Authorization',
  'machine.registries.config.ghcr_io.auth.password',
  'machine.registries.config.ghcr_io.auth.username',
  'machine.registries.config.ghcr_io.tls.clientIdentity.key',
  'machine.registries.mirrors.docker_io.endpoints[]',
  'machine.network.interfaces[].wireguard.privateKey',
  'machine.network.interfaces[].wireguard.peers[].presharedKey',
  'machine.network.interfaces[].vip.hcloud.apiToken',
  'machine.systemDiskEncryption.state.keys[].static.passphrase',
  'machine.files[].content',
  'machine.env.PASSWORD',
  'machine.kubelet.credentialProviderConfig.providers[].env[].value',
  'machine.kubelet.extraArgs.token',
  'machine.pods[].spec.containers[].env[].value',
  'machine.install.extraKernelArgs[]',
  'machine.logging.destinations[].endpoint',
  'machine.nodeAnnotations.note',
  'machine.udev.rules[]',
  'machine.unheardOf',
  'unheardOf.deeper[].still',
];

function configWith(path: string, value: string): Buffer {
  const segments = path.replaceAll('[]', '.[]').split('.');
  const leaf = segments.reduceRight<unknown>((inner, one) => (one === '[]' ? [inner] : { [one]: inner }), value);
  return Buffer.from(stringify({ version: 'v1alpha1', ...(leaf as object) }));
}

test('a hundred canaries: none is found in the database, the answers about the log, the process log or the metrics', async () => {
  const bob = stack.as('bob');
  // Bodies: configurations that are accepted, refused by policy, refused by the node (which quotes them), and no YAML.
  for (const path of places)
    await applyConfig(bob, { node: worker }, { data: configWith(path, canary()), mode: Mode.STAGED });
  const taken = { version: 'v1alpha1', machine: { type: 'worker', token: canary() }, cluster: { secret: canary() } };
  await applyConfig(bob, { node: worker }, { data: Buffer.from(stringify(taken)), mode: Mode.STAGED });
  taken.machine.token = canary();
  await applyConfig(bob, { nodes: [worker, cp] }, { data: Buffer.from(stringify(taken)), mode: Mode.STAGED });
  for (const path of places.slice(0, 12)) {
    await applyConfig(stack.as('alice'), { node: worker }, { data: configWith(path, canary()), dryRun: true });
  }
  for (const text of [
    `${canary()}: [`,
    canary(),
    `- ${canary()}`,
    `kind: ${canary()}`,
    `${canary()}: 1`,
    `# ${canary()}`,
  ]) {
    await applyConfig(bob, { node: worker }, { data: Buffer.from(text) });
  }
  await bob.unary(
    '/machine.MachineService/MetaWrite',
    { node: worker },
    MetaWriteRequestSchema,
    { key: 10, value: Buffer.from(canary()) },
    MetaWriteResponseSchema,
  );

  // Metadata, tokens and malformed calls.
  const h2 = await stack.h2('bob');
  const stranger = await stack.h2();
  const fields = [
    'x-custom',
    'cookie',
    'x-sidero-signature',
    'x-sidero-payload',
    'token',
    'proxyfrom',
    'talos-role',
    'x-bin-bin',
  ];
  for (const name of fields)
    await h2.unary(paths.version, Buffer.of(), [
      ['node', worker],
      [name, canary()],
    ]);
  for (const value of [`Bearer ${canary()}`, `bearer ${canary()}.${canary()}.${canary()}`, canary()]) {
    await stranger.unary(paths.version, Buffer.of(), [['authorization', value]]);
    await h2.unary(paths.version, Buffer.of(), [
      ['node', worker],
      ['authorization', value],
    ]);
  }
  for (const user of ['jwt', canary()]) {
    const basic = Buffer.from(`${user}:${canary()}`).toString('base64');
    await stranger.unary(paths.version, Buffer.of(), [['authorization', `Basic ${basic}`]]);
  }
  const token = stack.secrets.tokens.get('alice@example.com') ?? '';
  canaries.push(token.split('.')[2] ?? '');
  await version(stack.as('alice-jwt'));
  for (const body of [canary(), `\x0a\x40${canary()}`])
    await h2.unary(paths.applyConfiguration, Buffer.from(body), [['node', worker]]);
  await h2.unary('/machine.MachineService/EtcdRecover', Buffer.from(`\x12\x30${canary()}`), [['node', cp]]);

  // What nodes say.
  for (const text of [
    `token=${canary()}`,
    `dial https://u:${canary()}@example.com`,
    `Bearer ${canary()}`,
    canary(),
    `x\npassword: "${canary()}"`,
  ]) {
    stack.nodes.worker.control.failNext(paths.version, { code: 'INTERNAL', message: text });
    await version(bob, { node: worker });
    stack.nodes.worker.control.failNext(paths.version, { code: 'INTERNAL', message: text });
    await version(bob, { nodes: [worker] });
  }

  // A debug container: its environment, what is typed and what is shown.
  const env = Object.fromEntries(Array.from({ length: 6 }, (_, n) => [`SECRET_${n}`, canary()]));
  const session = new DebugSession(bob, debugSpec(await pullImage(bob), { env }));
  await vote(stack.api('carol'), await session.raise('look'));
  await session.shows('# ');
  for (const typed of [canary(), canary(), canary()]) {
    session.type(`echo ${typed}\r`);
    await session.shows(typed);
  }
  session.leave();

  // The other door.
  const carol = stack.api('carol');
  for (const secret of [canary(), canary()]) {
    const value = Buffer.from(secret).toString('base64');
    await ask(carol, '/api/v1/audit/lookup', { method: 'POST', body: { field: 'machine.token', value } });
    await ask(carol, '/api/v1/audit', { certificate: false, token: canary() });
    await ask(carol, '/api/v1/audit', { headers: { 'x-api-key': canary(), cookie: `session=${canary()}` } });
    await ask(carol, '/api/v1/audit/lookup', { method: 'POST', body: `{"field": "${canary()}` });
    await ask(carol, '/api/v1/audit/lookup', { method: 'POST', body: { field: 'a', value: 'eA==', [canary()]: 1 } });
  }
  expect(canaries.length).toBeGreaterThanOrEqual(100);

  await until(async () => (await everyTable()).includes('approval.ended'));
  const kept: Record<string, string> = {
    database: await everyTable(),
    log: stack.log.join('\n'),
    ...(await answersAboutTheLog()),
  };
  // The search itself works: bodies are looked into as text and as bytes.
  for (const known of ['config.apply', Buffer.from('config.apply').toString('hex')])
    expect(kept['database']).toContain(known);
  expect(stack.seen().filter(call => call.path === paths.applyConfiguration).length).toBeGreaterThan(places.length);
  for (const [where, text] of Object.entries(kept)) {
    expect(text.length, where).toBeGreaterThan(where === 'log' ? -1 : 100);
    const found = canaries.filter(secret => spellings(secret).some(spelling => text.includes(spelling)));
    expect(
      found.map(secret => secret.slice(0, 12)),
      where,
    ).toEqual([]);
  }
}, 120_000);

/** Every row of every table of the schema as text; bytes show in hexadecimal. */
async function everyTable(): Promise<string> {
  const url = stack.database.adminUrl;
  const tables = await sql<{ name: string }>(
    url,
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const rows = await sql<{ text: string }>(url, `SELECT to_jsonb(one)::text AS text FROM ${name} AS one`);
    texts.push(...rows.map(row => row.text));
  }
  const bodies = await sql<{ text: string }>(
    url,
    `SELECT convert_from(body, 'UTF8') AS text FROM talosgate.audit_entry`,
  );
  return [...texts, ...bodies.map(row => row.text)].join('\n');
}

async function answersAboutTheLog(): Promise<Record<string, string>> {
  const carol = stack.api('carol');
  const { server } = carol;
  const client = join(stack.directory, 'carol.client.yaml');
  await writeFile(
    client,
    `server: ${server}\nca: pki/clients-ca.crt\ncertificate: pki/carol.crt\nkey: pki/carol.key\n`,
  );
  const env = { TALOSGATE_CLIENT: client };
  const out = join(stack.directory, 'export');
  const exported: string[] = [];
  for (const format of ['jsonl', 'csv', 'ocsf', 'syslog', 'cef']) {
    await cli(['audit', 'export', '--format', format, '--out', out], { env });
    exported.push(await readFile(out, 'utf8').catch(() => ''));
    await rm(out, { force: true });
  }
  return {
    list: (await ask(carol, '/api/v1/audit?limit=1000')).text,
    table: (await cli(['audit', 'list', '--limit', '1000'], { env })).out,
    history: (await cli(['audit', 'config-history', worker, '--limit', '100'], { env })).out,
    stats: (await cli(['audit', 'stats'], { env })).out,
    export: exported.join('\n'),
    metrics: (await ask(carol, '/metrics', { certificate: false })).text,
  };
}

/** A secret as it is, in hexadecimal, and in the three ways in which base64 can cut it. */
function spellings(secret: string): string[] {
  const base64 = [0, 1, 2].map(shift => {
    const shifted = Buffer.from(`${'x'.repeat(shift)}${secret}`).toString('base64');
    return shifted.slice(shift === 0 ? 0 : 4, -8);
  });
  return [
    secret,
    secret.toLowerCase(),
    Buffer.from(secret).toString('hex'),
    ...base64.filter(text => text.length > 12),
  ];
}
