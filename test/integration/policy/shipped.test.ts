import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { gatewayActions } from '../../../src/policy/actions.ts';
import { createPolicyEngine } from '../../../src/policy/engine.ts';
import { lintPolicy } from '../../../src/policy/lint.ts';
import { loadPolicy } from '../../../src/policy/load.ts';
import { testPolicy } from '../../../src/policy/test-policy.ts';
import { actions, folderWith, shipped } from './support.ts';

const { policy } = await loadPolicy(shipped, actions);
if (policy === undefined) throw new Error('the shipped policy does not load');

const roles = [...new Set(policy.rules.map(rule => rule.subject).filter(subject => subject.startsWith('role:')))];

/** What a role is told, on a worker. */
function asRole(role: string, action: string, resource: string): string {
  const risk = (actions.get(action) ?? gatewayActions.get(action))?.risk ?? 'unknown';
  const principal = { id: 'nobody', kind: 'person' as const, groups: [] };
  const target = { cluster: 'prod', node: 'worker-1', labels: {} };
  const question = { principal, ...target, action, risk, resource, approvalFloor: false };
  return policy?.decide(question, [role]).effect ?? 'no policy';
}

describe('testPolicy', () => {
  test('every shipped case holds, by the index and by Casbin', async () => {
    const results = await testPolicy(shipped, actions);
    expect(results.filter(result => !result.ok)).toEqual([]);
    expect(results.length).toBeGreaterThan(70);
  });

  test('a folder that does not load gives its mistakes as results', async () => {
    const folder = await folderWith({ 'a.csv': 'p, oops\n' });
    expect(await testPolicy(folder.directory, actions)).toMatchObject([
      { ok: false, file: `${folder.label}/a.csv`, line: 1 },
    ]);
  });
});

describe('shipped policy', () => {
  test('lint has nothing to say', async () => {
    expect(await lintPolicy(shipped, actions)).toEqual([]);
  });

  test('starts an engine', async () => {
    const engine = await createPolicyEngine({ directory: shipped, actions, onLoad: () => undefined, watch: false });
    expect(engine.revision()).toBe(policy.revision);
    await engine.close();
  });

  test.each(roles)('%s has a case that it may and a case that it may not', role => {
    const own = policy.cases.filter(one => one.subjects.includes(role));
    expect(own.filter(one => one.expect !== 'deny')).not.toEqual([]);
    expect(own.filter(one => one.expect === 'deny')).not.toEqual([]);
  });

  /** One resource for each action of class read, as the catalog writes it. A new read action belongs in here. */
  const readResources: Readonly<Record<string, string>> = {
    'cluster.health': 'health',
    'container.list': 'containers/containerd/system',
    'container.stats': 'containers/cri/k8s.io',
    'etcd.alarms': 'etcd',
    'etcd.downgrade-validate': 'etcd/version/3.5.0',
    'etcd.members': 'etcd',
    'etcd.status': 'etcd',
    'events.read': 'events',
    'file.list': 'file/var/log',
    'file.usage': 'file',
    'image.list': 'images/system',
    'image.verify': 'image/ghcr.io/siderolabs/installer:v1.13.9',
    'inspect.dependencies': 'node',
    'logs.dmesg': 'logs/dmesg',
    'logs.list': 'node',
    'logs.read': 'logs/k8s.io/kube-system/coredns-1/coredns',
    'network.netstat': 'node',
    'node.hostname': 'node',
    'node.processes': 'node',
    'node.version': 'node',
    'resource.get': 'resource/hostnamestatuses.net.talos.dev/network/hostname',
    'resource.list': 'resource/members.cluster.talos.dev/cluster/*',
    'resource.watch': 'resource/services.v1alpha1.talos.dev/runtime/*',
    'service.list': 'node',
    'stats.cpufreq': 'node',
    'stats.cpuinfo': 'node',
    'stats.disk': 'node',
    'stats.loadavg': 'node',
    'stats.memory': 'node',
    'stats.mounts': 'node',
    'stats.network': 'node',
    'stats.system': 'node',
    'storage.disks': 'node',
    'storage.statfs': 'file/var',
    'time.check': 'time/pool.ntp.org',
    'time.read': 'node',
  };

  /** Reads for which a node connects to a host that the caller names. */
  const reachOut = ['image.verify', 'time.check'];

  test('a viewer may do all of class read that stays on the node, and nothing else but read some files', () => {
    const reading = [...actions].filter(([, facts]) => facts.risk === 'read').map(([action]) => action);
    expect(Object.keys(readResources).sort()).toEqual(reading.sort());
    for (const [action, resource] of Object.entries(readResources)) {
      const expected = reachOut.includes(action) ? 'deny' : 'allow';
      expect([action, asRole('role:viewer', action, resource)]).toEqual([action, expected]);
    }
    const other = [...actions].filter(([, facts]) => facts.risk !== 'read');
    for (const [action] of other) {
      for (const resource of [
        'node',
        'etcd',
        'file/etc/shadow',
        'resource/a/b/c',
        'debug/privileged',
        'cluster',
        'config/auto',
      ]) {
        expect([action, asRole('role:viewer', action, resource)]).toEqual([action, 'deny']);
      }
    }
  });

  test('an operator can reboot with stock talosctl: version, events, boot id, reboot', () => {
    const calls = [
      ['node.version', 'node'],
      ['events.read', 'events'],
      ['file.read', 'file/proc/sys/kernel/random/boot_id'],
      ['node.reboot', 'power/default'],
    ] as const;
    expect(calls.map(([action, resource]) => asRole('role:operator', action, resource))).toEqual([
      'allow',
      'allow',
      'allow',
      'allow',
    ]);
  });

  test('only an operator and an admin send nodes to a time server, only an admin to a registry to verify', () => {
    const may = (action: string) =>
      roles.filter(role => asRole(role, action, readResources[action] ?? '') !== 'deny').sort();
    expect(may('time.check')).toEqual(['role:admin', 'role:operator']);
    expect(may('image.verify')).toEqual(['role:admin']);
  });

  test('an admin is allowed or asked for approval everywhere on a node, except in the namespaces of the host', () => {
    for (const [action, { risk }] of actions) {
      const resource = risk === 'shell' ? 'debug/privileged' : 'any/thing';
      expect([action, asRole('role:admin', action, resource)]).not.toContain('deny');
    }
    expect(asRole('role:admin', 'debug.run', 'debug/host-ns')).toBe('deny');
  });

  test('no role gets a shell without approval, and nobody the namespaces of the host', () => {
    for (const role of roles) {
      expect(['approve', 'deny']).toContain(asRole(role, 'debug.run', 'debug/privileged'));
      expect(asRole(role, 'debug.run', 'debug/host-ns')).toBe('deny');
    }
  });

  test.each(['role:approver', 'role:auditor', 'role:breakglass'])('%s has no access to nodes', role => {
    for (const [action] of actions) {
      for (const resource of ['node', 'logs/a/b', 'resource/a/b/c'])
        expect(asRole(role, action, resource)).toBe('deny');
    }
  });
});

describe('docs/policy.md', () => {
  test('lists every action with its class, and no other', async () => {
    const text = await readFile(new URL('../../../docs/policy.md', import.meta.url), 'utf8');
    const listed = [...text.matchAll(/^\| `([a-z]+\.[a-z-]+)` \| ([a-z]+) \|/gm)].map(
      ([, action, risk]) => `${String(action)} ${String(risk)}`,
    );
    const expected = [...actions, ...gatewayActions].map(
      ([action, { risk }]) => `${action} ${gatewayActions.has(action) ? 'gateway' : risk}`,
    );
    expect(listed.sort()).toEqual(expected.sort());
  });
});
