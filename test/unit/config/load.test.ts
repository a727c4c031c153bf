import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePki } from '../../../src/cli/pki/pki.ts';
import { type Config, loadConfig } from '../../../src/config/load.ts';
import { type ConfigProblem, formatProblem } from '../../../src/config/problem.ts';
import { handClock } from '../identity/certificates.ts';

let directory: string;

const env = { WRITER: 'postgres://w:pw-writer@db/gate', READER: 'postgres://r:pw-reader@db/gate' };

const whole = `
listen:
  grpc:
    address: "[::1]:50000"
    tls: {certificate: pki/gate.crt, key: pki/gate.key}
    client_ca: pki/ca.crt
  http: {address: 127.0.0.1:8443, insecure: true}
identity:
  mtls: {}
clusters:
  - name: main
    talos_ca: pki/talos.crt
    client_certificate: pki/upstream.crt
    client_key: pki/upstream.key
    nodes:
      - {name: cp1, addresses: [10.0.0.1], labels: {role: controlplane}}
policy: {directory: rules}
database: {url: {env: WRITER}, reader_url: {env: READER}}
audit: {digest_key: {file: digest.key}}
limits:
`;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'talosgate-config-'));
  await mkdir(join(directory, 'pki'));
  await mkdir(join(directory, 'rules'));
  const pki = await makePki({ clock: handClock(), gatewayNames: ['127.0.0.1'] });
  const files = {
    'pki/gate.crt': pki.gateway.certificate,
    'pki/gate.key': pki.gateway.key,
    'pki/ca.crt': pki.clientCa.certificate,
    'pki/talos.crt': pki.talosCa.certificate,
    'pki/upstream.crt': pki.upstream.certificate,
    'pki/upstream.key': pki.upstream.key.replaceAll('PRIVATE KEY', 'ED25519 PRIVATE KEY'),
    'digest.key': `${'0123456789abcdef'.repeat(2)}\n`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
});
afterAll(() => rm(directory, { recursive: true }));

async function load(text: string, more: Record<string, string | undefined> = {}) {
  const path = join(directory, 'talosgate.yaml');
  await writeFile(path, text);
  return loadConfig({ path, env: { ...env, ...more }, clock: handClock() });
}

async function configOf(text: string): Promise<Config> {
  const result = await load(text);
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'));
  return result.config;
}

async function problemsOf(
  text: string,
  more: Record<string, string | undefined> = {},
): Promise<readonly ConfigProblem[]> {
  const result = await load(text, more);
  if (result.ok) throw new Error('was accepted');
  return result.problems;
}

const lineOf = (text: string, part: string) => text.slice(0, text.indexOf(part)).split('\n').length;

describe('loadConfig', () => {
  it('gives defaults, absolute paths, secrets, certificates and addresses', async () => {
    const config = await configOf(whole);
    expect(config.listen.grpc).toMatchObject({ host: '::1', port: 50_000 });
    expect(config.listen.grpc.tls.clientCa).toContain('BEGIN CERTIFICATE');
    expect(config.listen.http).toEqual({ host: '127.0.0.1', port: 8443, tls: undefined });
    expect(config.identity.mtls?.subject).toEqual([{ from: 'uri' }, { from: 'email' }, { from: 'common_name' }]);
    expect(config.fleet.clusters[0]?.nodes[0]).toEqual({
      name: 'cp1',
      addresses: ['10.0.0.1'],
      aliases: [],
      labels: { role: 'controlplane' },
    });
    expect(config.clusters[0]?.cluster).toBe('main');
    expect(config.policy.directory).toBe(join(directory, 'rules'));
    expect(config.database).toMatchObject({ url: env.WRITER, reader_url: env.READER, connect_timeout: 2_000 });
    expect(config.audit.digest_key).toBe('0123456789abcdef'.repeat(2));
    expect(config.approvals.pending).toBe(3_600_000);
    expect(config.limits.read_timeout).toBe(30_000);
    expect(config.log.level).toBe('info');
  });

  it('hands on a Talos key under the PEM label that OpenSSL reads', async () => {
    expect((await configOf(whole)).clusters[0]?.key).toMatch(/^-----BEGIN PRIVATE KEY-----/);
  });

  it.each<[string, [string, string], string, string, string]>([
    ['an unknown key', ['client_ca', 'client-ca'], 'client-ca', 'unknown key client-ca', 'did you mean client_ca?'],
    ['a wrong type', ['insecure: true', 'insecure: maybe'], 'insecure', 'this must be true or false', 'TLS'],
    ['a bad address', ['127.0.0.1:8443', 'localhost'], 'localhost', 'this must be an address', 'write host:port'],
    ['a port beyond all ports', ['127.0.0.1:8443', '127.0.0.1:84430'], '84430', 'not an address', '65535'],
    ['a bad duration', ['limits:', 'limits: {read_timeout: soon}'], 'soon', 'a length of time', '30s'],
    ['a node without name', ['name: cp1, ', ''], '{addresses', 'missing key name', 'add name:'],
    ['an address that is none', ['10.0.0.1]', '10.0.0.256]'], '10.0.0.256', 'is not an IP address', 'IPv4 or IPv6'],
    ['a folder that is not there', ['directory: rules', 'directory: laws'], 'laws', 'does not exist', 'model.conf'],
    ['a file that is not there', ['pki/ca.crt', 'pki/cb.crt'], 'pki/cb.crt', 'does not exist', 'name an existing file'],
    ['certificates nobody can verify', ['client_ca: pki/ca.crt', ''], 'mtls', 'without a CA', 'listen.grpc.client_ca'],
    ['plain HTTP on every address', ['127.0.0.1:8443', '0.0.0.0:8443'], '0.0.0.0', 'only be open on loopback', 'tls'],
    ['HTTP neither way', [', insecure: true', ''], '{address', 'neither tls nor insecure', 'set tls'],
    ['nobody who could log in', ['mtls: {}', 'jwt: []'], 'jwt', 'nobody could log in', 'mtls'],
    ['a bound of approvals', ['limits:', 'approvals: {session: 5h}'], '5h', 'between 1s and 4h', '1s to 4h'],
  ])('places %s and says what to do', async (_, [from, to], part, message, remedy) => {
    const text = whole.replace(from, to);
    const problems = await problemsOf(text);
    expect(problems.map(problem => problem.severity)).toContain('error');
    expect(problems[0]?.message).toContain(message);
    expect(problems[0]?.remedy).toContain(remedy);
    expect(problems[0]?.line).toBe(lineOf(text, part));
    expect(problems[0]?.column).toBeGreaterThan(0);
    expect(problems[0]?.file).toBe(join(directory, 'talosgate.yaml'));
  });

  it('refuses a secret in plain text and never repeats it', async () => {
    const text = whole.replace('url: {env: WRITER}', 'url: postgres://w:hunter2@db/gate');
    const problems = await problemsOf(text);
    expect(problems[0]).toMatchObject({ key: 'database.url', line: lineOf(text, 'hunter2') });
    expect(problems[0]?.remedy).toContain('{env: NAME}');
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });

  it('does not repeat secrets that it could read', async () => {
    const problems = await problemsOf(whole, { WRITER: 'mysql://w:hunter2@db', READER: '' });
    expect(problems.map(problem => problem.key)).toEqual(['database.url', 'database.reader_url']);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });

  it('finds secrets that cannot be had', async () => {
    expect((await problemsOf(whole, { WRITER: undefined }))[0]?.message).toContain('WRITER is not set');
    expect((await problemsOf(whole.replace('digest.key', 'rules')))[0]?.message).toContain('is a directory');
    await writeFile(join(directory, 'short.key'), 'short\n');
    expect((await problemsOf(whole.replace('digest.key', 'short.key')))[0]?.message).toContain('shorter than 32');
  });

  it('lists all mistakes at once, in the order of the file', async () => {
    const text = whole.replace('address: "[::1]:50000"', 'adress: x').replace('audit:', 'audits:');
    const problems = await problemsOf(text);
    expect(problems.map(problem => problem.message)).toEqual([
      'missing key audit',
      'unknown key adress',
      'unknown key audits',
    ]);
  });

  it('says one thing about a value that fits none of its choices', async () => {
    const text = whole.replace('mtls: {}', 'jwt: [{issuer: i, audience: [a], keys: {file: k}, id_claim: 7}]');
    const problems = await problemsOf(text);
    expect(problems.map(problem => problem.message)).toEqual(['this does not have the expected form']);
  });

  it('names the certificate file, and the line in it, for what is wrong inside', async () => {
    const problems = await problemsOf(whole.replace('client_ca: pki/ca.crt', 'client_ca: pki/gate.crt'));
    expect(problems[0]).toMatchObject({ file: join(directory, 'pki/gate.crt'), line: 1, key: 'listen.grpc.client_ca' });
  });

  it('says what to do about a file that is missing or no YAML', async () => {
    const missing = await loadConfig({ path: join(directory, 'absent.yaml'), env, clock: handClock() });
    expect(missing.ok ? [] : missing.problems).toMatchObject([
      { line: 0, remedy: expect.stringContaining('init') as string },
    ]);
    expect((await problemsOf('a: [1\n'))[0]).toMatchObject({ severity: 'error', line: 2 });
    expect((await problemsOf('- a\n'))[0]?.message).toBe('this must be a section with keys');
    expect((await problemsOf(''))[0]?.message).toContain('missing key');
  });
});

describe('formatProblem', () => {
  it('writes file, line, column and key first, and the remedy below', () => {
    const problem = { file: 'a.yaml', line: 3, column: 5, key: 'b.c', message: 'is wrong', remedy: 'mend it' };
    expect(formatProblem({ severity: 'error', ...problem })).toBe('a.yaml:3:5: b.c: is wrong\n    mend it');
    expect(formatProblem({ severity: 'warning', ...problem, line: 0, key: '' })).toBe(
      'a.yaml: warning: is wrong\n    mend it',
    );
  });
});
