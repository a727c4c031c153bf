import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { createDigestKeys } from '../../../src/audit/digest-keys.ts';
import { changesBetween } from '../../../src/audit/machine-config/compare.ts';
import { type RedactedConfig, redactConfig } from '../../../src/audit/machine-config/redact.ts';

const keys = createDigestKeys({ id: 'k1', key: 'x'.repeat(32) });

function redact(text: string): RedactedConfig {
  const config = redactConfig(Buffer.from(text), keys);
  if ('unreadable' in config) throw new Error(config.unreadable);
  return config;
}

const digestOf = (field: string, value: string): object => keys.digest(field, Buffer.from(value));

/** Every place of a machine configuration that holds a secret, with the path that its digest goes by. */
const secretPlaces = [
  'machine.token',
  'machine.ca.key',
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
  'machine.registries.config.ghcr_io.auth.username',
  'machine.registries.config.ghcr_io.auth.password',
  'machine.registries.config.ghcr_io.auth.auth',
  'machine.registries.config.ghcr_io.auth.identityToken',
  'machine.registries.config.ghcr_io.tls.clientIdentity.key',
  'machine.registries.mirrors.docker_io.endpoints[]',
  'machine.network.interfaces[].wireguard.privateKey',
  'machine.network.interfaces[].wireguard.peers[].presharedKey',
  'machine.network.interfaces[].vip.hcloud.apiToken',
  'machine.network.interfaces[].vip.equinixMetal.apiToken',
  'machine.systemDiskEncryption.state.keys[].static.passphrase',
  'machine.systemDiskEncryption.ephemeral.keys[].kms.endpoint',
  'machine.files[].content',
  'machine.env.HTTPS_PROXY',
  'machine.kubelet.credentialProviderConfig.providers[].env[].value',
  'machine.kubelet.extraArgs.token',
  'machine.kubelet.extraConfig.anything',
  'machine.pods[].spec.containers[].env[].value',
  'machine.install.extraKernelArgs[]',
  'machine.logging.destinations[].endpoint',
  'machine.logging.destinations[].extraTags.key',
  'machine.nodeAnnotations.secret',
  'machine.udev.rules[]',
  'machine.unheardOf',
  'machine.unheardOf.deeper[].still',
  'unheardOf',
];

/** A document with one value at a path. */
function documentWith(path: string, value: string): unknown {
  const segments = path.replaceAll('[]', '.[]').split('.');
  return segments.reduceRight<unknown>((inner, segment) => (segment === '[]' ? [inner] : { [segment]: inner }), value);
}

describe('redactConfig', () => {
  test.each(secretPlaces)('shows a digest of %s, and nothing of the value', path => {
    const { values } = redact(stringify(documentWith(path, 'hunter2-is-the-secret')));
    expect([...values.values()]).toEqual([digestOf(path, 'hunter2-is-the-secret')]);
    expect(JSON.stringify([...values])).not.toContain('hunter2');
  });

  test.each([
    'apiVersion: v1alpha1\nkind: KubeSpanConfig\nsharedSecret: hunter2\n',
    'apiVersion: v1alpha1\nkind: WireguardConfig\nname: wg0\nprivateKey: hunter2\npeers: [{presharedKey: hunter2b}]\n',
    'apiVersion: v1alpha1\nkind: SideroLinkConfig\napiUrl: https://x?jointoken=hunter2\n',
    'kind: hunter2\nvalue: 1\n',
    'kind: ExtensionServiceConfig\nname: hunter2 with blanks\nenvironment: [TOKEN=hunter2]\nconfigFiles: [{content: hunter2}]\n',
    'hunter2: 1\nmachine: {hunter2b: {hunter2c: 1}}\n',
    'machine: {token: [hunter2, {a: hunter2}]}\n',
    'machine:\n  token: |\n    hunter2\n  # hunter2 in a comment\n',
    '? {hunter2: 1}\n: 2\n',
    'machine: {token: !!binary aHVudGVyMg==}\n',
  ])('hides what it does not know, keys too: %j', text => {
    expect(JSON.stringify([...redact(text).values])).not.toMatch(/hunter2|aHVudGVyMg/);
  });

  test('shows what cannot be secret, by document', () => {
    const text = [
      'version: v1alpha1\nmachine: {type: worker, network: {interfaces: [{interface: eth0, mtu: 9000}]}, sysctls: {net.a: "1"}}',
      'apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: worker-7',
      'apiVersion: v1alpha1\nkind: LinkConfig\nname: eth1\nmtu: 1400',
    ].join('\n---\n');
    expect(Object.fromEntries(redact(text).values)).toMatchObject({
      version: 'v1alpha1',
      'machine.type': 'worker',
      'machine.network.interfaces[0].interface': 'eth0',
      'machine.network.interfaces[0].mtu': '9000',
      'machine.sysctls.net.a': '1',
      'HostnameConfig.hostname': 'worker-7',
      'LinkConfig/eth1.mtu': '1400',
    });
  });

  test.each([
    ['a text', 'just words', 'a document that is no map'],
    ['a list', '- 1', 'a document that is no map'],
    ['broken YAML', 'machine: [', 'not YAML'],
    ['the same key twice', 'machine: {}\nmachine: {}', 'not YAML'],
    ['an alias', 'a: &x {b: 1}\nc: *x', 'YAML aliases'],
    ['a bomb of aliases', bomb(), 'YAML aliases'],
    ['bytes that are no UTF-8', Buffer.from([0x61, 0x3a, 0x20, 0xff]), 'not YAML'],
    ['too many bytes', `a: ${'x'.repeat(300_000)}`, 'larger than 262144 bytes'],
    ['too many values', `a: [${'1,'.repeat(10_000)}]`, 'more than 8192 values'],
    ['too deep', `${'{a: '.repeat(60)}1${'}'.repeat(60)}`, 'nested too deep'],
    ['far too deep', `a: ${'['.repeat(100_000)}`, 'not YAML'],
  ])('gives a reason for %s', (_, text, reason) => {
    expect(redactConfig(Buffer.from(text), keys)).toEqual({ unreadable: reason });
  });

  test('is soon done with whatever it is given', () => {
    const nasty = ['a: {'.repeat(50_000), `a: "${'\\u0041'.repeat(40_000)}"`, `${'- '.repeat(100_000)}x`, bomb()];
    for (const text of nasty) {
      const started = performance.now();
      redactConfig(Buffer.from(text.slice(0, 262_144)), keys);
      expect(performance.now() - started).toBeLessThan(5_000);
    }
  });

  test('never throws, and never shows a value of a place that it does not know', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), value => {
        redactConfig(Buffer.from(stringify(value, { aliasDuplicateObjects: false })), keys);
        const marked = { unknownPlace: value, machine: { otherPlace: 'MARKER-41' } };
        const config = redactConfig(Buffer.from(stringify(marked, { aliasDuplicateObjects: false })), keys);
        expect(JSON.stringify('values' in config ? [...config.values] : [])).not.toContain('MARKER-41');
      }),
      { numRuns: 100 },
    );
  });
});

describe('changesBetween', () => {
  test('tells what came, went and changed, secrets as digests', () => {
    const before = redact('machine: {type: worker, token: one, env: {OLD: x}}').values;
    const after = redact('machine: {type: controlplane, token: two, env: {NEW: y}}').values;
    expect(changesBetween(before, after)).toEqual({
      count: 4,
      changes: [
        ['~', 'machine.type', 'worker', 'controlplane'],
        ['~', 'machine.token', digestOf('machine.token', 'one'), digestOf('machine.token', 'two')],
        ['+', 'machine.env.NEW', digestOf('machine.env.NEW', 'y')],
        ['-', 'machine.env.OLD', digestOf('machine.env.OLD', 'x')],
      ],
    });
  });

  test('is empty for the same configuration in another order of lines', () => {
    const before = redact('machine: {type: worker, token: one}');
    const after = redact('machine:\n  token: one\n  type: worker\n');
    expect(changesBetween(before.values, after.values)).toEqual({ count: 0, changes: [] });
  });

  test('has a bound, and says what is left out', () => {
    const many = redact(`machine: {env: {${Array.from({ length: 1_000 }, (_, n) => `KEY_${n}: v`).join(', ')}}}`);
    const { count, changes } = changesBetween(new Map(), many.values);
    expect(count).toBe(1_000);
    expect(Buffer.byteLength(JSON.stringify(changes))).toBeLessThan(9_000);
    expect(changes.at(-1)).toBe(`… (${1_001 - changes.length} more)`);
  });
});

describe('digest keys', () => {
  test('make new digests with the one in force and know those of former ones', () => {
    const former = [{ id: 'k0', key: 'y'.repeat(32) }];
    const rotated = createDigestKeys({ id: 'k1', key: 'x'.repeat(32) }, former);
    const before = createDigestKeys({ id: 'k0', key: 'y'.repeat(32) });
    const value = Buffer.from('hunter2');
    expect(rotated.digest('a', value)).toEqual(keys.digest('a', value));
    expect(rotated.everyDigest('a', value)).toEqual([keys.digest('a', value).digest, before.digest('a', value).digest]);
    expect(rotated.digest('b', value).digest).not.toBe(rotated.digest('a', value).digest);
  });
});

/** Nine levels of nine: a billion values, were it not for the refusal. */
function bomb(): string {
  const levels = Array.from({ length: 9 }, (_, n) =>
    n === 0
      ? 'a0: &a0 [x,x,x,x,x,x,x,x,x]'
      : `a${n}: &a${n} [${Array.from({ length: 9 }, () => `*a${n - 1}`).join(',')}]`,
  );
  return levels.join('\n');
}
