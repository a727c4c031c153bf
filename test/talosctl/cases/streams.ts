import { type CommandCase, cp, worker, worker2 } from './case.ts';

const several = `${cp},${worker},${worker2}`;

/** Commands that go on until somebody stops them. */
export const streams = [
  {
    id: 'logs -f',
    command: 'logs',
    nodes: 'own',
    steps: [
      {
        run: ['logs', '-f', '--tail', '5', 'kubelet', '-n', worker],
        lines: { compare: 25, then: 'interrupt' },
        shows: /SyncLoop/,
      },
    ],
  },
  {
    id: 'logs -f of a container',
    command: 'logs',
    nodes: 'own',
    steps: [
      { run: ['containers', '-k', '-n', worker], pick: /kube-system\/kube-proxy\S+:kube-proxy:\S+/ },
      { run: ['logs', '-k', '-f', '--tail', '1', 'PICKED', '-n', worker], lines: { compare: 10, then: 'interrupt' } },
    ],
  },
  {
    id: 'dmesg -f',
    command: 'dmesg',
    nodes: 'own',
    steps: [{ run: ['dmesg', '-f', '-n', worker], lines: { compare: 40, then: 'interrupt' } }],
  },
  {
    id: 'dmesg -f --tail',
    command: 'dmesg',
    nodes: 'own',
    steps: [{ run: ['dmesg', '-f', '--tail', '-n', worker], lines: { compare: 10, then: 'interrupt' } }],
  },
  {
    id: 'events',
    command: 'events',
    nodes: 'own',
    steps: [
      {
        run: ['events', '--tail', '-1', '-n', worker],
        lines: { compare: 20, then: 'interrupt' },
        shows: /machine.MachineStatusEvent/,
      },
    ],
  },
  {
    id: 'get -w',
    command: 'get',
    steps: [{ run: ['get', 'members', '-w', '-n', cp], lines: { compare: 4, then: 'interrupt' } }],
  },
  {
    id: 'get -w of one',
    command: 'get',
    steps: [
      {
        run: ['get', 'members', worker, '-w', '-o', 'yaml', '-n', cp],
        lines: { compare: 12, then: 'interrupt' },
      },
    ],
  },
  {
    id: 'get -w of several nodes',
    command: 'get',
    anyOrder: true,
    masks: ['columns'],
    steps: [{ run: ['get', 'nodename', '-w', '-n', several], lines: { compare: 4, then: 'interrupt' } }],
  },
  {
    id: 'logs -f of several nodes',
    command: 'logs',
    nodes: 'own',
    anyOrder: true,
    steps: [{ run: ['logs', '-f', '--tail', '0', 'apid', '-n', several], lines: { compare: 12, then: 'interrupt' } }],
  },
] as const satisfies readonly CommandCase[];
