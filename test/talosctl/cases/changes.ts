import { type CommandCase, cp, worker, worker2 } from './case.ts';

const saved = {
  run: ['get', 'machineconfig', 'v1alpha1', '-o', 'jsonpath={.spec}', '-n', worker],
  save: 'config.yaml',
};
const sysctl = '{"machine":{"sysctls":{"net.core.somaxconn":"4096"}}}';
const patchFile = { 'patch.yaml': 'machine:\n  sysctls:\n    net.core.somaxconn: "4096"\n' };
const configNow = { run: ['get', 'machineconfig', '-o', 'yaml', '-n', worker] };

/** Everything that changes configuration, services, images, etcd or disks. The last step shows what became of it. */
export const changes: readonly CommandCase[] = [
  ...(['auto', 'no-reboot', 'staged', 'try'] as const).map(mode => ({
    id: `apply-config -m ${mode}`,
    command: 'apply-config',
    nodes: 'own' as const,
    files: patchFile,
    steps: [
      saved,
      {
        run: ['apply-config', '-f', 'config.yaml', '-p', '@patch.yaml', '-m', mode, '-n', worker],
        shows: /Applied|applied/,
      },
      configNow,
    ],
  })),
  {
    id: 'apply-config -m reboot',
    command: 'apply-config',
    only: '1.13',
    nodes: 'own',
    files: patchFile,
    steps: [
      saved,
      {
        run: ['apply-config', '-f', 'config.yaml', '-p', '@patch.yaml', '-m', 'reboot', '-n', worker],
        shows: /Applied configuration with a reboot/,
      },
    ],
  },
  {
    id: 'apply-config --dry-run',
    command: 'apply-config',
    nodes: 'own',
    files: patchFile,
    steps: [
      saved,
      {
        run: ['apply-config', '-f', 'config.yaml', '-p', '@patch.yaml', '--dry-run', '-n', worker],
        shows: /somaxconn/,
      },
      configNow,
    ],
  },
  {
    id: 'apply-config that does not parse',
    command: 'apply-config',
    nodes: 'own',
    files: { 'broken.yaml': 'version: v1alpha1\nmachine:\n  typ: worker\n' },
    steps: [{ run: ['apply-config', '-f', 'broken.yaml', '-n', worker], exit: 1 }, configNow],
  },
  {
    id: 'apply-config to several nodes',
    command: 'apply-config',
    nodes: 'own',
    anyOrder: true,
    steps: [
      saved,
      { run: ['apply-config', '-f', 'config.yaml', '-m', 'staged', '-n', `${worker},${worker2}`] },
      { run: ['get', 'machineconfig', '-o', 'yaml', '-n', worker2] },
    ],
  },
  {
    id: 'apply-config with a JWT',
    command: 'apply-config',
    nodes: 'own',
    credential: 'jwt',
    steps: [saved, { run: ['apply-config', '-f', 'config.yaml', '-n', worker] }, configNow],
  },
  {
    id: 'patch machineconfig',
    command: 'patch',
    nodes: 'own',
    steps: [{ run: ['patch', 'machineconfig', '-p', sysctl, '-n', worker], shows: /patched/ }, configNow],
  },
  {
    id: 'patch machineconfig of several nodes',
    command: 'patch',
    nodes: 'own',
    steps: [{ run: ['patch', 'machineconfig', '-p', sysctl, '-n', `${worker},${worker2}`], shows: /patched/ }],
  },
  {
    id: 'patch machineconfig --dry-run',
    command: 'patch',
    nodes: 'own',
    steps: [
      { run: ['patch', 'machineconfig', '-p', sysctl, '--dry-run', '-n', worker], shows: /somaxconn/ },
      configNow,
    ],
  },
  {
    id: 'patch machineconfig that changes nothing',
    command: 'patch',
    nodes: 'own',
    steps: [{ run: ['patch', 'machineconfig', '-p', '{"machine":{"type":"worker"}}', '-n', worker] }],
  },
  {
    id: 'edit machineconfig',
    command: 'edit',
    nodes: 'own',
    masks: ['temporary file'],
    files: { 'editor.sh': 'sed -i -e "s/debug: false/debug: true/" "$1"\n' },
    steps: [{ run: ['edit', 'machineconfig', '-n', worker], env: { EDITOR: 'sh ./editor.sh' } }, configNow],
  },
  {
    id: 'edit machineconfig without a change',
    command: 'edit',
    nodes: 'own',
    masks: ['temporary file'],
    steps: [{ run: ['edit', 'machineconfig', '-n', worker], env: { EDITOR: 'true' } }],
  },
  ...(['stop', 'start', 'restart', 'status'] as const).map(verb => ({
    id: `service kubelet ${verb}`,
    command: 'service',
    nodes: 'own' as const,
    masks: ['ago'] as const,
    // Talos lets the kubelet be restarted, not stopped.
    steps: [
      { run: ['service', 'kubelet', verb, '-n', worker], exit: verb === 'stop' ? 1 : 0 },
      { run: ['service', 'kubelet', '-n', worker] },
    ],
  })),
  {
    id: 'service nothing restart',
    command: 'service',
    nodes: 'own',
    steps: [{ run: ['service', 'nothing', 'restart', '-n', worker], exit: 1 }],
  },
  {
    id: 'service kubelet restart on several nodes',
    command: 'service',
    nodes: 'own',
    anyOrder: true,
    steps: [{ run: ['service', 'kubelet', 'restart', '-n', `${worker},${worker2}`] }],
  },
  {
    id: 'restart -k',
    command: 'restart',
    nodes: 'own',
    steps: [
      { run: ['containers', '-k', '-n', worker], pick: /kube-system\/kube-proxy\S+:kube-proxy:\S+/ },
      { run: ['restart', '-k', 'PICKED', '-n', worker] },
    ],
  },
  {
    id: 'restart of nothing',
    command: 'restart',
    nodes: 'own',
    steps: [{ run: ['restart', '-k', 'nothing', '-n', worker], exit: 1 }],
  },
  {
    id: 'image pull',
    command: 'image pull',
    nodes: 'own',
    steps: [
      { run: ['image', 'pull', 'docker.io/library/alpine:3.22', '-n', worker] },
      { run: ['image', 'list', '-n', worker], shows: /alpine/ },
    ],
  },
  {
    id: 'image pull --namespace system',
    command: 'image pull',
    nodes: 'own',
    steps: [{ run: ['image', 'pull', '--namespace', 'system', 'docker.io/library/alpine:3.22', '-n', worker] }],
  },
  {
    id: 'image pull on several nodes',
    command: 'image pull',
    nodes: 'own',
    anyOrder: true,
    steps: [{ run: ['image', 'pull', 'docker.io/library/alpine:3.22', '-n', `${worker},${worker2}`] }],
  },
  {
    id: 'image remove',
    command: 'image remove',
    nodes: 'own',
    steps: [
      { run: ['image', 'pull', 'docker.io/library/alpine:3.22', '-n', worker] },
      { run: ['image', 'remove', 'docker.io/library/alpine:3.22', '-n', worker] },
      { run: ['image', 'list', '-n', worker] },
    ],
  },
  {
    id: 'image remove of nothing',
    command: 'image remove',
    nodes: 'own',
    steps: [{ run: ['image', 'remove', 'docker.io/library/nothing:1', '-n', worker], exit: 1 }],
  },
  ...(
    [
      ['etcd', 'defrag'],
      ['etcd', 'alarm', 'disarm'],
      ['etcd', 'forfeit-leadership'],
      ['etcd', 'downgrade', 'enable', '3.5'],
    ] as const
  ).map(run => ({
    id: run.join(' '),
    command: run.slice(0, 2).join(' '),
    nodes: 'own' as const,
    steps: [{ run: [...run, '-n', cp] }, { run: ['etcd', 'status', '-n', cp] }],
  })),
  {
    id: 'etcd downgrade cancel',
    command: 'etcd downgrade',
    nodes: 'own',
    steps: [
      { run: ['etcd', 'downgrade', 'cancel', '-n', cp], exit: 1 },
      { run: ['etcd', 'downgrade', 'enable', '3.5', '-n', cp] },
      { run: ['etcd', 'downgrade', 'cancel', '-n', cp] },
    ],
  },
  {
    id: 'etcd leave',
    command: 'etcd leave',
    nodes: 'own',
    steps: [
      { run: ['etcd', 'leave', '-n', cp], exit: 1, shows: /not enough started members/ },
      { run: ['etcd', 'members', '-n', cp] },
    ],
  },
  {
    id: 'etcd remove-member',
    command: 'etcd remove-member',
    nodes: 'own',
    steps: [
      { run: ['etcd', 'members', '-n', cp], pick: /\b[0-9a-f]{15,16}\b/ },
      { run: ['etcd', 'remove-member', 'PICKED', '-n', cp] },
      { run: ['etcd', 'members', '-n', cp] },
    ],
  },
  {
    id: 'etcd remove-member of nothing',
    command: 'etcd remove-member',
    nodes: 'own',
    steps: [{ run: ['etcd', 'remove-member', 'deadbeef', '-n', cp], exit: 1 }],
  },
  {
    id: 'bootstrap',
    command: 'bootstrap',
    nodes: 'own',
    steps: [{ run: ['bootstrap', '-n', cp], exit: 1, shows: /etcd data directory is not empty|already/i }],
  },
  {
    id: 'bootstrap --recover-from',
    command: 'bootstrap',
    nodes: 'own',
    steps: [
      { run: ['etcd', 'snapshot', 'db.snapshot', '-n', cp] },
      { run: ['bootstrap', '--recover-from', 'db.snapshot', '-n', cp], exit: 1 },
    ],
  },
  {
    id: 'meta write',
    command: 'meta write',
    nodes: 'own',
    steps: [
      { run: ['meta', 'write', '0x0a', 'some value', '-n', worker] },
      { run: ['get', 'metakeys', '-n', worker], shows: /some value/ },
    ],
  },
  {
    id: 'meta delete',
    command: 'meta delete',
    nodes: 'own',
    steps: [
      { run: ['meta', 'write', '0x0a', 'some value', '-n', worker] },
      { run: ['meta', 'delete', '0x0a', '-n', worker] },
      { run: ['get', 'metakeys', '-n', worker] },
    ],
  },
  {
    id: 'meta delete of nothing',
    command: 'meta delete',
    nodes: 'own',
    steps: [{ run: ['meta', 'delete', '0x3f', '-n', worker], exit: 1 }],
  },
  {
    id: 'wipe disk',
    command: 'wipe disk',
    nodes: 'own',
    steps: [{ run: ['wipe', 'disk', 'vdb', '-n', worker] }],
  },
  {
    id: 'wipe disk of several',
    command: 'wipe disk',
    nodes: 'own',
    steps: [
      { run: ['wipe', 'disk', 'vdb', 'vda', '-n', worker], exit: 1, shows: /in use/ },
      { run: ['wipe', 'disk', 'vdb', 'vdc', '-n', worker] },
    ],
  },
  {
    id: 'wipe disk in use',
    command: 'wipe disk',
    nodes: 'own',
    steps: [{ run: ['wipe', 'disk', 'vda', '-n', worker], exit: 1 }],
  },
  {
    id: 'wipe lv, vg and pv',
    command: 'wipe lv',
    only: '1.14',
    nodes: 'own',
    steps: [
      { run: ['wipe', 'lv', 'vg0/data', '-n', worker] },
      { run: ['wipe', 'lv', 'vg0/data', '-n', worker], exit: 1, shows: /not found/ },
      { run: ['get', 'lvs', '-n', worker], shows: /scratch/ },
      { run: ['wipe', 'pv', '/dev/vdd', '-n', worker], exit: 1, shows: /in use/ },
      { run: ['wipe', 'vg', 'vg0', '-n', worker] },
      { run: ['get', 'vgs', '-n', worker] },
      { run: ['wipe', 'pv', '/dev/vdd', '-n', worker] },
      { run: ['get', 'pvs', '-o', 'yaml', '-n', worker], shows: /vde/ },
    ],
  },
  ...(
    [
      ['vg', 'vg9'],
      ['pv', '/dev/vdb'],
      ['md', '/dev/md9'],
    ] as const
  ).map(([kind, what]) => ({
    id: `wipe ${kind} of nothing`,
    command: `wipe ${kind}`,
    only: '1.14' as const,
    nodes: 'own' as const,
    steps: [{ run: ['wipe', kind, what, '-n', worker], exit: 1, shows: /not found/ }],
  })),
  {
    id: 'wipe md',
    command: 'wipe md',
    only: '1.14',
    nodes: 'own',
    steps: [
      { run: ['get', 'mdarraystatuses', '-n', worker], shows: /md-name-mirror/ },
      { run: ['wipe', 'md', '/dev/disk/by-id/md-name-mirror', '-n', worker] },
      { run: ['get', 'mdarraystatuses', '-n', worker] },
    ],
  },
  {
    id: 'config new',
    command: 'config new',
    nodes: 'own',
    steps: [
      { run: ['config', 'new', 'new.talosconfig', '--roles', 'os:reader', '-n', cp], writes: ['new.talosconfig'] },
    ],
  },
  {
    id: 'config new at a worker',
    command: 'config new',
    nodes: 'own',
    steps: [{ run: ['config', 'new', 'new.talosconfig', '-n', worker], exit: 1 }],
  },
];
