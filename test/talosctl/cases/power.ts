import { type CommandCase, cp, worker, worker2 } from './case.ts';

const image = 'ghcr.io/siderolabs/installer:v1.14.9';
const installer = {
  '1.13': 'ghcr.io/siderolabs/installer:v1.13.10',
  '1.14': 'factory.talos.dev/metal-installer:v1.14.1',
};
const after = { run: ['version', '-n', worker] };
const bootId = { run: ['read', '/proc/sys/kernel/random/boot_id', '-n', worker] };

/** Commands that take a node away, and wait until it is back. */
export const power: readonly CommandCase[] = [
  ...(
    [
      ['reboot'],
      ['reboot', '--mode', 'powercycle'],
      ['reboot', '--mode', 'force'],
      ['reboot', '--debug'],
      ['reboot', '--timeout', '30s', '--progress', 'plain'],
    ] as const
  ).map(run => ({
    id: run.join(' '),
    command: 'reboot',
    nodes: 'own' as const,
    steps: [bootId, { run: [...run, '-n', worker] }, bootId],
  })),
  {
    id: 'reboot --wait=false',
    command: 'reboot',
    nodes: 'own',
    steps: [{ run: ['reboot', '--wait=false', '-n', worker] }],
  },
  {
    id: 'reboot of several nodes',
    command: 'reboot',
    nodes: 'own',
    masks: ['actor', 'retries'],
    anyOrder: true,
    steps: [{ run: ['reboot', '-n', `${worker},${worker2}`] }, after],
  },
  {
    id: 'reboot of the control plane',
    command: 'reboot',
    nodes: 'own',
    steps: [{ run: ['reboot', '-n', cp] }],
  },
  {
    id: 'reboot --drain',
    command: 'reboot',
    nodes: 'own',
    steps: [{ run: ['reboot', '--drain', '-n', worker], shows: /node drained[^]*node uncordoned/ }, after],
  },
  {
    id: 'reboot with a JWT',
    command: 'reboot',
    nodes: 'own',
    credential: 'jwt',
    steps: [{ run: ['reboot', '-n', worker] }, after],
  },
  {
    id: 'shutdown',
    command: 'shutdown',
    nodes: 'own',
    masks: ['first events'],
    steps: [{ run: ['shutdown', '-n', worker] }],
  },
  {
    id: 'shutdown --force --wait=false',
    command: 'shutdown',
    nodes: 'own',
    steps: [{ run: ['shutdown', '--force', '--wait=false', '-n', worker] }],
  },
  {
    id: 'reset',
    command: 'reset',
    nodes: 'own',
    masks: ['first events'],
    steps: [{ run: ['reset', '--graceful=false', '-n', worker] }],
  },
  {
    id: 'reset --reboot',
    command: 'reset',
    nodes: 'own',
    steps: [
      {
        run: ['reset', '--graceful=false', '--reboot', '--system-labels-to-wipe', 'EPHEMERAL', '-n', worker],
      },
    ],
  },
  {
    id: 'reset --wait=false',
    command: 'reset',
    nodes: 'own',
    steps: [
      { run: ['reset', '--wait=false', '--wipe-mode', 'user-disks', '--user-disks-to-wipe', '/dev/vdb', '-n', worker] },
    ],
  },
  {
    id: 'rollback',
    command: 'rollback',
    nodes: 'own',
    steps: [{ run: ['rollback', '-n', worker], exit: 1 }],
  },
  ...(['1.13', '1.14'] as const).flatMap((only): CommandCase[] => [
    {
      id: `upgrade (${only})`,
      command: 'upgrade',
      only,
      nodes: 'own',
      steps: [{ run: ['upgrade', '--image', installer[only], '--drain=false', '-n', worker] }, after],
    },
    {
      id: `upgrade --no-reboot (${only})`,
      command: 'upgrade',
      only,
      nodes: 'own',
      steps: [{ run: ['upgrade', '--image', installer[only], '--no-reboot', '-n', worker] }, after],
    },
    {
      id: `upgrade --legacy (${only})`,
      command: 'upgrade',
      only,
      nodes: 'own',
      steps: [{ run: ['upgrade', '--legacy', '--image', installer[only], '--drain=false', '-n', worker] }, after],
    },
    {
      id: `upgrade and rollback (${only})`,
      command: 'rollback',
      only,
      nodes: 'own',
      steps: [
        { run: ['upgrade', '--image', installer[only], '--drain=false', '-n', worker] },
        { run: ['rollback', '-n', worker] },
      ],
    },
  ]),
  {
    id: 'upgrade of several nodes',
    command: 'upgrade',
    nodes: 'own',
    masks: ['actor', 'newest only', 'retries'],
    anyOrder: true,
    steps: [{ run: ['upgrade', '--image', image, '--drain=false', '-n', `${worker},${worker2}`] }, after],
  },
  {
    id: 'upgrade with drain',
    command: 'upgrade',
    nodes: 'own',
    steps: [{ run: ['upgrade', '--image', image, '-n', worker], shows: /node drained[^]*node uncordoned/ }, after],
  },
];
