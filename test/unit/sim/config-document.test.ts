import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { needsReboot, parseConfig } from '../../../src/sim/config/config-document.ts';
import { defaultConfig } from '../../../src/sim/config/default-config.ts';
import { createClusterSecrets } from '../../../src/sim/pki/cluster-secrets.ts';
import { completeSettings } from '../../../src/sim/settings.ts';

const settings = (role: 'controlplane' | 'worker') =>
  completeSettings({
    ...{ name: 'n1', cluster: 'demo', role, address: '10.5.0.2', listen: '127.0.0.1:0' },
    tls: { certificate: '', key: '', clientCa: '' },
  });
const parse = (text: string) => parseConfig(Buffer.from(text));
const valid = 'machine:\n  type: worker\ncluster:\n  clusterName: x\n';

test('parseConfig accepts the configuration that a node starts with', () => {
  for (const role of ['controlplane', 'worker'] as const) {
    const text = defaultConfig(settings(role), createClusterSecrets(systemClock));
    expect(parse(text).text).toBe(text);
  }
});

test('parseConfig removes comments and nothing else', () => {
  expect(parse(`# hello\n${valid}`).text).toBe('machine:\n    type: worker\ncluster:\n    clusterName: x\n');
});

test.each([
  ['machine: [', 'decode error: yaml'],
  ['- a\n- b\n', 'expected a YAML document'],
  ['apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: x\n', "doesn't contain v1alpha1 config"],
  ['', "doesn't contain v1alpha1 config"],
  [`${valid}colour: blue\n`, 'unknown keys found during decoding:\ncolour: blue'],
  ['machine:\n  type: worker\n  colour: blue\ncluster: {}\n', 'unknown keys found'],
  ['machine:\n  type: worker\n', 'cluster instructions are required'],
  ['machine:\n  type: boss\ncluster: {}\n', 'invalid machine type'],
])('parseConfig refuses %j with INVALID_ARGUMENT', (text, message) => {
  expect(() => parse(text)).toThrow(message);
  expect(() => parse(text)).toThrow(expect.objectContaining({ code: 3 }));
});

test('needsReboot names the sections that cannot change while running', () => {
  const other = parse(valid.replace('type: worker', 'type: worker\n  disks: []'));
  expect(needsReboot(parse(valid), other)).toEqual(['machine.disks']);
  const live = parse(valid.replace('type: worker', 'type: worker\n  sysctls:\n    a: "1"'));
  expect(needsReboot(parse(valid), live)).toEqual([]);
});
