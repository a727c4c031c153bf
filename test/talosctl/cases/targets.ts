import { type CommandCase, cp, worker, worker2 } from './case.ts';

const several = `${cp},${worker},${worker2}`;
const unknown = 'demo-worker-9';

/** To several nodes at once, all of them up. */
const toSeveral = [
  ['version'],
  ['logs', 'machined', '--tail', '2'],
  ['dmesg'],
  ['processes'],
  ['memory'],
  ['mounts'],
  ['time'],
  ['stats', '-k'],
  ['containers', '-k'],
  ['netstat', '-a'],
  ['list', '-l', '/etc'],
  ['usage', '/etc'],
  ['get', 'members'],
  ['get', 'machinestatus', '-o', 'yaml'],
  ['service'],
  ['service', 'kubelet'],
  ['image', 'list'],
  ['events', '--tail', '1'],
] as const;

/** Up to 1.13 these only warn of a node that fails while others answer. */
const warns = new Set(['version', 'memory', 'mounts', 'time', 'stats', 'containers', 'netstat', 'service']);

/** One target at a time, which the node may or may not be willing to serve. */
const toOne = [
  ['version'],
  ['logs', 'kubelet', '--tail', '2'],
  ['dmesg'],
  ['processes'],
  ['memory'],
  ['read', '/etc/os-release'],
  ['copy', '/etc/os-release', '-'],
  ['list', '/etc'],
  ['usage', '/etc'],
  ['get', 'nodename'],
  ['get', 'nodename', '-w'],
  ['service'],
  ['containers'],
  ['image', 'list'],
  ['etcd', 'members'],
  ['kubeconfig', '--merge=false', 'kube.yaml'],
  ['reboot', '--wait=false'],
  ['shutdown', '--wait=false'],
  ['meta', 'write', '0x0a', 'x'],
] as const;

/** Commands to several nodes, to one that is off, to one that nobody knows. */
export const targets: readonly CommandCase[] = [
  ...toSeveral.map((run): CommandCase => {
    const follows = run[0] === 'events';
    return {
      id: `${run.join(' ')} on several nodes`,
      command: commandOf(run),
      anyOrder: true,
      masks: run[0] === 'service' ? ['ago', 'columns'] : ['columns'],
      steps: [
        {
          run: [...run, '-n', several],
          ...(follows ? { lines: { compare: 7, then: 'interrupt' } } : {}),
        },
      ],
    };
  }),
  ...toSeveral
    .filter(run => run[0] !== 'events')
    .map(
      (run): CommandCase => ({
        id: `${run.join(' ')} with one of three off`,
        command: commandOf(run),
        nodes: 'own',
        down: worker2,
        anyOrder: true,
        masks: run[0] === 'service' ? ['ago', 'columns'] : ['columns'],
        steps: [
          {
            run: [...run, '-n', several],
            exit: { '1.13': warns.has(run[0]) ? 0 : 1, '1.14': 1 },
            shows: /code = Unavailable/,
          },
        ],
      }),
    ),
  ...toOne.map(
    (run): CommandCase => ({
      id: `${run.join(' ')} on a node that is off`,
      command: commandOf(run),
      nodes: 'own',
      down: worker2,
      steps: [{ run: [...run, '-n', worker2], exit: 1, shows: /Unavailable/ }],
    }),
  ),
  ...toOne.map(
    (run): CommandCase => ({
      id: `${run.join(' ')} on an unknown node`,
      command: commandOf(run),
      steps: [{ run: [...run, '-n', unknown], exit: 1, shows: /rpc error/ }],
    }),
  ),
  {
    id: 'version on an unknown node among others (1.13)',
    command: 'version',
    only: '1.13',
    differs:
      'a node that nobody knows among others: both report it in its place; the gateway says that it is none of its own',
    steps: [{ run: ['version', '-n', `${cp},${unknown}`], shows: /WARNING/ }],
  },
  {
    id: 'version on an unknown node among others (1.14)',
    command: 'version',
    only: '1.14',
    anyOrder: true,
    steps: [{ run: ['version', '-n', `${cp},${unknown}`], exit: 1 }],
  },
  {
    id: 'version without a node',
    command: 'version',
    steps: [{ run: ['version'], exit: 1, shows: /nodes are not set/ }],
  },
  {
    id: 'version on a port',
    command: 'version',
    steps: [{ run: ['version', '-n', '10.5.0.3:50000'], exit: 1, shows: /rpc error/ }],
  },
];

/** With a JWT as the password of basic authentication instead of a certificate. */
export const withToken: readonly CommandCase[] = (
  [
    ['version', '-n', worker],
    ['version', '-n', several],
    ['logs', 'kubelet', '--tail', '3', '-n', worker],
    ['get', 'members', '-n', cp],
    ['read', '/etc/os-release', '-n', worker],
    ['list', '/etc', '-n', worker],
    ['etcd', 'members', '-n', cp],
    ['get', 'machineconfig', '-o', 'yaml', '-n', worker],
    ['service', 'kubelet', 'restart', '-n', worker],
  ] as const
).map(run => ({
  id: `${run.join(' ')} with a JWT`,
  command: commandOf(run),
  credential: 'jwt',
  nodes: run[0] === 'service' ? 'own' : 'shared',
  anyOrder: true,
  steps: [{ run: [...run] }],
}));

function commandOf([first, second]: readonly string[]): string {
  return first === 'etcd' || first === 'image' || first === 'meta' ? `${first} ${second ?? ''}` : (first ?? '');
}
