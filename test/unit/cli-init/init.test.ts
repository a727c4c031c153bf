import { X509Certificate } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createCatalog } from '../../../src/catalog/catalog.ts';
import { checkConfigCommand } from '../../../src/cli/check-config.ts';
import { packageRoot } from '../../../src/cli/context.ts';
import { initCommand } from '../../../src/cli/init.ts';
import { makePki } from '../../../src/cli/pki/pki.ts';
import { createMtlsAuthenticator } from '../../../src/identity/mtls.ts';
import { lintPolicy } from '../../../src/policy/lint.ts';
import { loadPolicy } from '../../../src/policy/load.ts';
import { handClock, peerWith } from '../identity/certificates.ts';

let parent: string;
let directory: string;
let lines: string[];

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'talosgate-init-'));
  directory = join(parent, 'gate');
  lines = [];
});
afterEach(() => rm(parent, { recursive: true }));

const context = (env: Record<string, string> = {}) => ({
  output: { out: (line: string) => void lines.push(line), error: (line: string) => void lines.push(`! ${line}`) },
  env,
  clock: handClock(),
});
const policies = join(packageRoot, 'policies');
const init = (more = {}) =>
  initCommand({ directory, names: ['127.0.0.1', 'gate.example.com'], users: [], policies, ...more }, context());
const check = (env?: Record<string, string>) =>
  checkConfigCommand({ config: join(directory, 'talosgate.yaml') }, context(env));
const read = (file: string) => readFile(join(directory, file), 'utf8');

const database = {
  TALOSGATE_DATABASE_URL: 'postgres://w:p@db/gate',
  TALOSGATE_READER_URL: 'postgres://r:p@db/gate',
  TALOSGATE_SEALER_URL: 'postgres://s:p@db/gate',
};

async function addTalosSide(): Promise<void> {
  const pki = await makePki({ clock: handClock(), gatewayNames: ['unused'] });
  await writeFile(join(directory, 'talos/ca.crt'), pki.talosCa.certificate);
  await writeFile(join(directory, 'talos/gateway.crt'), pki.upstream.certificate);
  await writeFile(join(directory, 'talos/gateway.key'), pki.upstream.key);
}

describe('initCommand', () => {
  it('leaves only the Talos side and the database to be done, and check-config names exactly those', async () => {
    expect(await init()).toBe(0);
    lines = [];
    expect(await check()).toBe(1);
    const keys = lines.flatMap(line => /talosgate\.yaml:\d+:\d+: (\S+): /.exec(line)?.[1] ?? []);
    expect(keys).toEqual([
      'clusters.0.talos_ca',
      'clusters.0.client_certificate',
      'clusters.0.client_key',
      'database.url',
      'database.reader_url',
      'database.sealer_url',
    ]);
  });

  it('gives a configuration that is all well once those are there', async () => {
    await init();
    await addTalosSide();
    lines = [];
    expect(await check(database)).toBe(0);
    expect(lines[0]).toContain('all well');
    expect(lines.filter(line => line.startsWith('!'))).toEqual([]);
    expect(lines.find(line => line.includes('cluster '))).toContain('main: 2 nodes');
    expect(lines.find(line => line.includes('policy '))).toMatch(/[1-9]\d* cases hold/);
  });

  it('keeps keys to their owner, and others readable', async () => {
    await init({ users: [{ name: 'alice@example.com' }] });
    const files = (await readdir(directory, { recursive: true, withFileTypes: true })).filter(entry => entry.isFile());
    for (const entry of files) {
      const { mode } = await stat(join(entry.parentPath, entry.name));
      const holdsSecret = /\.(key|talosconfig)$/.test(entry.name);
      expect([entry.name, (mode & 0o777).toString(8)]).toEqual([entry.name, holdsSecret ? '600' : '644']);
    }
    expect(files.length).toBeGreaterThan(10);
  });

  it('makes a server certificate with the names given, which its CA has issued', async () => {
    await init();
    const certificate = new X509Certificate(await read('pki/gateway.crt'));
    const authority = new X509Certificate(await read('pki/client-ca.crt'));
    expect(certificate.subjectAltName).toBe('IP Address:127.0.0.1, DNS:gate.example.com');
    expect(certificate.verify(authority.publicKey)).toBe(true);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });

  it('gives users a talosconfig whose certificate the gateway takes', async () => {
    await init({ users: [{ name: 'alice@example.com', groups: ['talos-viewers'] }] });
    const config = parse(await read('users/alice@example.com.talosconfig')) as {
      context: string;
      contexts: Record<string, { crt: string; ca: string; endpoints: string[]; cluster: string }>;
    };
    const entry = config.contexts[config.context];
    expect(entry).toMatchObject({ endpoints: ['127.0.0.1', 'gate.example.com'], cluster: 'main' });
    expect(Buffer.from(entry?.ca ?? '', 'base64').toString()).toBe(await read('pki/client-ca.crt'));
    const certificate = new X509Certificate(Buffer.from(entry?.crt ?? '', 'base64'));
    const settings = { subject: [{ from: 'email' as const }] };
    const mtls = await createMtlsAuthenticator({ settings, clock: handClock(), onProblem: () => undefined });
    const outcome = await mtls.authenticate({ peer: peerWith(certificate.raw), authorization: undefined });
    expect(outcome).toMatchObject({ principal: { id: 'alice@example.com', groups: ['talos-viewers'] } });
  });

  it('gives no role to the people of the demo, and lines in waiting to users', async () => {
    const odd = 'eve\nadmin, "x" #';
    await init({ users: [{ name: 'jo@corp.example' }, { name: odd }] });
    expect((await readdir(join(directory, 'policies'))).filter(name => name.startsWith('demo'))).toEqual([]);
    const { policy } = await loadPolicy(join(directory, 'policies'), createCatalog().actions);
    const named = policy?.links.filter(link => !/^(?:group|role):/.test(link.subject));
    expect(named).toEqual([]);
    const text = await read('policies/policy.csv');
    expect(text).toContain('\ng, group:talos-admins, role:admin\n');
    expect(text).toMatch(/\n# g, user:jo@corp\.example, role:viewer\n# g, "user:eve admin, ""x"" #", role:viewer\n$/);
    const lint = await lintPolicy(join(directory, 'policies'), createCatalog().actions);
    expect(lint).toEqual([]);
  });

  it('overwrites nothing', async () => {
    await mkdir(directory);
    await writeFile(join(directory, 'precious'), 'x');
    expect(await init()).toBe(1);
    expect(await readdir(directory)).toEqual(['precious']);
    await rm(join(directory, 'precious'));
    expect(await init()).toBe(0);
    const before = await read('pki/client-ca.key');
    expect(await init()).toBe(1);
    expect(await read('pki/client-ca.key')).toBe(before);
  });

  it('asks for a name when none is given', async () => {
    expect(await init({ names: [] })).toBe(1);
    expect(await readdir(parent)).toEqual([]);
  });
});

describe('checkConfigCommand', () => {
  it('refuses policies whose rules or cases do not hold', async () => {
    await init();
    await addTalosSide();
    await writeFile(join(directory, 'policies/extra.csv'), 'p, role:viewer, *, *, no.such-action, *, allow\n');
    lines = [];
    expect(await check(database)).toBe(1);
    expect(lines.join('\n')).toContain('extra.csv:1');
  });

  it('refuses a revocation list that cannot be read, and names the line', async () => {
    await init();
    await addTalosSide();
    await writeFile(join(directory, 'pki/revoked.txt'), '# ok\nalice\n');
    lines = [];
    expect(await check(database)).toBe(1);
    expect(lines.join('\n')).toContain('line 2');
  });

  it('warns about roles of the people of the demo', async () => {
    await init();
    await addTalosSide();
    await copyFile(join(policies, 'demo.csv'), join(directory, 'policies/demo.csv'));
    lines = [];
    expect(await check(database)).toBe(0);
    const warnings = lines.filter(line => line.startsWith('! '));
    expect(warnings).toHaveLength(6);
    expect(warnings[0]).toMatch(/policies\/demo\.csv:4: warning: user:alice@example\.com .* role:viewer/);
  });

  it('passes with warnings, and shows them', async () => {
    await init();
    await addTalosSide();
    const pki = await makePki({ clock: handClock(), gatewayNames: ['unused'] });
    await writeFile(join(directory, 'talos/ca.crt'), pki.talosCa.certificate);
    lines = [];
    expect(await check(database)).toBe(0);
    expect(lines[0]).toMatch(/^! .*gateway\.crt:1:1: warning: /);
  });
});
