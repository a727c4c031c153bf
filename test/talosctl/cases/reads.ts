import { type CommandCase, cp, worker, worker2 } from './case.ts';

/** Commands that change nothing, to one node each. */
export const reads = [
  { id: 'version', command: 'version', steps: [{ run: ['version', '-n', worker], shows: /NODE: +demo-worker-1/ }] },
  { id: 'version --short', command: 'version', steps: [{ run: ['version', '--short', '-n', worker] }] },
  { id: 'version by address', command: 'version', steps: [{ run: ['version', '-n', '10.5.0.3'] }] },
  { id: 'logs', command: 'logs', steps: [{ run: ['logs', 'kubelet', '-n', worker], shows: /SyncLoop/ }] },
  { id: 'logs --tail', command: 'logs', steps: [{ run: ['logs', 'apid', '--tail', '3', '-n', cp] }] },
  {
    id: 'logs of a container',
    command: 'logs',
    steps: [
      { run: ['containers', '-k', '-n', cp], pick: /kube-system\/kube-apiserver-demo-cp-1:\S+/ },
      { run: ['logs', '-k', 'PICKED', '-n', cp], shows: /heartbeat/ },
    ],
  },
  { id: 'logs of nothing', command: 'logs', steps: [{ run: ['logs', 'nothing', '-n', worker], exit: 1 }] },
  { id: 'dmesg', command: 'dmesg', steps: [{ run: ['dmesg', '-n', worker], shows: /\[talos\]/ }] },
  { id: 'processes', command: 'processes', steps: [{ run: ['processes', '-n', worker], shows: /kubelet/ }] },
  {
    id: 'processes --sort',
    command: 'processes',
    steps: [{ run: ['processes', '--sort', 'cpu', '-n', cp], shows: /kube-apiserver/ }],
  },
  { id: 'memory', command: 'memory', steps: [{ run: ['memory', '-n', worker], shows: /TOTAL/ }] },
  {
    id: 'memory --verbose',
    command: 'memory',
    steps: [{ run: ['memory', '--verbose', '-n', worker], shows: /MemTotal/ }],
  },
  { id: 'mounts', command: 'mounts', steps: [{ run: ['mounts', '-n', worker], shows: /\/var/ }] },
  { id: 'time', command: 'time', steps: [{ run: ['time', '-n', worker], shows: /2026/ }] },
  {
    id: 'time --check',
    command: 'time',
    steps: [{ run: ['time', '--check', 'time.cloudflare.com', '-n', worker], shows: /time\.cloudflare\.com/ }],
  },
  { id: 'stats', command: 'stats', steps: [{ run: ['stats', '-n', worker], shows: /MEMORY/ }] },
  { id: 'stats -k', command: 'stats', steps: [{ run: ['stats', '-k', '-n', worker], shows: /kube-proxy/ }] },
  { id: 'containers', command: 'containers', steps: [{ run: ['containers', '-n', worker], shows: /apid/ }] },
  {
    id: 'containers -k',
    command: 'containers',
    steps: [{ run: ['containers', '-k', '-n', worker], shows: /kube-proxy/ }],
  },
  { id: 'netstat', command: 'netstat', steps: [{ run: ['netstat', '-a', '-n', worker], shows: /tcp/ }] },
  { id: 'netstat -lp', command: 'netstat', steps: [{ run: ['netstat', '-l', '-p', '-x', '-n', cp], shows: /LISTEN/ }] },
  {
    id: 'netstat of a pod',
    command: 'netstat',
    steps: [
      { run: ['containers', '-k', '-n', cp], pick: /kube-system\/coredns-[a-z0-9-]+/ },
      { run: ['netstat', '-a', 'PICKED', '-n', cp] },
    ],
  },
  { id: 'health', command: 'health', steps: [{ run: ['health', '-n', cp], shows: /waiting for all/ }] },
  {
    id: 'health with nodes named',
    command: 'health',
    steps: [{ run: ['health', '--control-plane-nodes', '10.5.0.2', '--worker-nodes', '10.5.0.3,10.5.0.4', '-n', cp] }],
  },
  {
    id: 'health --server=false',
    command: 'health',
    nodes: 'own',
    steps: [
      {
        run: ['health', '--server=false', '--wait-timeout', '40s', '-n', cp],
        shows: /all k8s nodes to report schedulable: OK/,
      },
    ],
  },
  { id: 'health at a worker', command: 'health', steps: [{ run: ['health', '-n', worker], exit: 1 }] },
  { id: 'read', command: 'read', steps: [{ run: ['read', '/etc/os-release', '-n', worker], shows: /Talos/ }] },
  { id: 'read boot_id', command: 'read', steps: [{ run: ['read', '/proc/sys/kernel/random/boot_id', '-n', worker] }] },
  {
    id: 'read of nothing',
    command: 'read',
    steps: [{ run: ['read', '/nothing', '-n', worker], exit: 1, shows: /no such file/ }],
  },
  { id: 'read of a relative path', command: 'read', steps: [{ run: ['read', 'etc/hosts', '-n', worker] }] },
  { id: 'read of a folder', command: 'read', steps: [{ run: ['read', '/etc', '-n', worker], exit: 1 }] },
  {
    id: 'copy to a folder',
    command: 'copy',
    steps: [{ run: ['copy', '/etc', './copied', '-n', worker], writes: ['copied/os-release', 'copied/hosts'] }],
  },
  { id: 'copy to stdout', command: 'copy', steps: [{ run: ['copy', '/etc/os-release', '-', '-n', worker] }] },
  { id: 'copy of nothing', command: 'copy', steps: [{ run: ['copy', '/nothing', '-', '-n', worker], exit: 1 }] },
  { id: 'list', command: 'list', steps: [{ run: ['list', '-n', worker], shows: /etc/ }] },
  { id: 'list -l', command: 'list', steps: [{ run: ['list', '-l', '/etc', '-n', worker], shows: /os-release/ }] },
  { id: 'list -lrH', command: 'list', steps: [{ run: ['list', '-l', '-H', '-r', '/etc', '-n', worker] }] },
  { id: 'list -t', command: 'list', steps: [{ run: ['list', '-r', '-t', 'f', '/var', '-n', cp] }] },
  { id: 'list of a relative path', command: 'list', steps: [{ run: ['list', 'etc', '-n', worker], shows: /hosts/ }] },
  { id: 'list of nothing', command: 'list', steps: [{ run: ['list', '/nothing', '-n', worker], exit: 1 }] },
  { id: 'usage', command: 'usage', steps: [{ run: ['usage', '-n', worker], shows: /SIZE|NAME/ }] },
  {
    id: 'usage -a',
    command: 'usage',
    steps: [{ run: ['usage', '-a', '-H', '-d', '2', '/etc', '/var', '-n', worker], shows: /os-release/ }],
  },
  {
    id: 'usage of a path that is not there, and one that is',
    command: 'usage',
    steps: [{ run: ['usage', '/nothing', '/var', '-n', worker], exit: 1, shows: /\d+ +\.\n[^]*no such file/ }],
  },
  {
    id: 'usage of a relative path',
    command: 'usage',
    steps: [{ run: ['usage', 'var/log', '-n', worker], shows: /\d+ +\.\n/ }],
  },
  {
    id: 'events --tail',
    command: 'events',
    steps: [
      {
        run: ['events', '--tail', '5', '-n', worker],
        lines: { compare: 6, then: 'interrupt' },
      },
    ],
  },
  {
    id: 'pcap',
    command: 'pcap',
    steps: [
      {
        run: ['pcap', '-i', 'eth0', '-n', worker],
        lines: { compare: 18, then: 'interrupt' },
        shows: /ICMPv4/,
        exit: 0,
      },
    ],
  },
  {
    id: 'pcap --duration',
    command: 'pcap',
    steps: [{ run: ['pcap', '-i', 'eth0', '--duration', '2s', '-n', worker], lines: { compare: 18, then: 'go on' } }],
  },
  {
    id: 'pcap of nothing',
    command: 'pcap',
    steps: [{ run: ['pcap', '-i', 'nothing0', '--duration', '1s', '-n', worker], exit: 1 }],
  },
  {
    id: 'service',
    command: 'service',
    masks: ['ago'],
    steps: [{ run: ['service', '-n', worker], shows: /kubelet +Running/ }],
  },
  {
    id: 'service of one',
    command: 'service',
    masks: ['ago'],
    steps: [{ run: ['service', 'kubelet', '-n', worker], shows: /kubelet/ }],
  },
  { id: 'service of nothing', command: 'service', steps: [{ run: ['service', 'nothing', '-n', worker], exit: 1 }] },
  {
    id: 'image list',
    command: 'image list',
    steps: [{ run: ['image', 'list', '-n', worker], shows: /pause|kube-proxy/ }],
  },
  {
    id: 'image list system',
    command: 'image list',
    steps: [{ run: ['image', 'list', '--namespace', 'system', '-n', worker], shows: /kubelet/ }],
  },
  {
    id: 'inspect dependencies',
    command: 'inspect dependencies',
    steps: [{ run: ['inspect', 'dependencies', '-n', worker], shows: /digraph/ }],
  },
  {
    id: 'inspect dependencies --with-resources',
    command: 'inspect dependencies',
    masks: ['graph nodes'],
    anyOrder: true,
    steps: [{ run: ['inspect', 'dependencies', '--with-resources', '-n', worker], shows: /digraph/ }],
  },
  {
    id: 'cgroups --preset=cpu',
    command: 'cgroups',
    steps: [{ run: ['cgroups', '--preset', 'cpu', '-n', worker], shows: /kube-system\/kube-proxy/ }],
  },
  {
    id: 'cgroups --preset=memory',
    command: 'cgroups',
    steps: [{ run: ['cgroups', '--preset', 'memory', '--skip-cri-resolve', '-n', worker], shows: /kubepods/ }],
  },
  ...(['cpuset', 'io', 'process', 'psi', 'swap'] as const).map(preset => ({
    id: `cgroups --preset=${preset}`,
    command: 'cgroups',
    steps: [{ run: ['cgroups', '--preset', preset, '-n', cp], shows: /podruntime/ }],
  })),
  { id: 'etcd members', command: 'etcd members', steps: [{ run: ['etcd', 'members', '-n', cp], shows: /demo-cp-1/ }] },
  {
    id: 'etcd status',
    command: 'etcd status',
    nodes: 'own',
    steps: [{ run: ['etcd', 'status', '-n', cp], shows: /DB SIZE/ }],
  },
  { id: 'etcd alarm list', command: 'etcd alarm', steps: [{ run: ['etcd', 'alarm', 'list', '-n', cp] }] },
  {
    id: 'etcd members at a worker',
    command: 'etcd members',
    steps: [{ run: ['etcd', 'members', '-n', worker], exit: 1 }],
  },
  {
    id: 'etcd status at a worker',
    command: 'etcd status',
    steps: [{ run: ['etcd', 'status', '-n', worker], exit: 1 }],
  },
  {
    id: 'etcd snapshot',
    command: 'etcd snapshot',
    steps: [
      { run: ['etcd', 'snapshot', 'db.snapshot', '-n', cp], writes: ['db.snapshot'], shows: /etcd snapshot saved/ },
    ],
  },
  {
    id: 'etcd downgrade validate',
    command: 'etcd downgrade',
    steps: [{ run: ['etcd', 'downgrade', 'validate', '3.5', '-n', cp] }],
  },
  {
    id: 'kubeconfig',
    command: 'kubeconfig',
    nodes: 'own',
    steps: [{ run: ['kubeconfig', '--merge=false', 'kube.yaml', '-n', cp], writes: ['kube.yaml'] }],
  },
  {
    id: 'kubeconfig at a worker',
    command: 'kubeconfig',
    steps: [{ run: ['kubeconfig', '--merge=false', 'kube.yaml', '-n', worker], exit: 1 }],
  },
  {
    id: 'support (1.13)',
    command: 'support',
    only: '1.13',
    nodes: 'own',
    anyOrder: true,
    masks: ['progress', 'graph nodes', 'ago'],
    steps: [{ run: ['support', '-O', 'support.zip', '-n', `${cp},${worker}`], writes: ['support.zip'] }],
  },
  {
    id: 'support (1.14)',
    command: 'support',
    only: '1.14',
    nodes: 'own',
    anyOrder: true,
    masks: ['progress', 'graph nodes', 'ago'],
    steps: [
      { run: ['support', '--no-encryption', '-O', 'support.zip', '-n', `${cp},${worker}`], writes: ['support.zip'] },
    ],
  },
  {
    id: 'conformance kubernetes',
    note: 'ends where the tests would be set up: the simulated Kubernetes API knows nodes and pods, not what they need',
    command: 'conformance',
    steps: [{ run: ['conformance', 'kubernetes', '--mode', 'fast', '-n', cp], exit: 1 }],
  },
  {
    id: 'rotate-ca',
    // Talosctl goes through the nodes in the order of a Go map.
    anyOrder: true,
    command: 'rotate-ca',
    masks: ['new key'],
    steps: [
      {
        run: ['rotate-ca', '--dry-run', '--kubernetes=false', '-n', cp],
        // talosctl makes a client of the talosconfig that a dry run has not written.
        exit: 1,
        shows: /Verifying connectivity with new PKI:\n +- 10\.5\.0\.\d: OK/,
      },
    ],
  },
  {
    id: 'rotate-ca of Kubernetes',
    command: 'rotate-ca',
    anyOrder: true,
    masks: ['new key'],
    steps: [
      { run: ['rotate-ca', '--dry-run', '--talos=false', '-n', cp], shows: /Verifying connectivity with new PKI/ },
    ],
  },
  {
    id: 'upgrade-k8s --dry-run',
    command: 'upgrade-k8s',
    nodes: 'own',
    note: 'ends after the nodes, where the manifests would be compared: the simulated Kubernetes API has none',
    steps: [
      {
        run: ['upgrade-k8s', '--dry-run', '--to', '1.36.4', '-n', cp],
        exit: 1,
        shows: /updating "kube-scheduler" to version "1.36.4"/,
      },
    ],
  },
] as const satisfies readonly CommandCase[];

const kinds = [
  'members',
  'machineconfig',
  'services',
  'nodename',
  'hostname',
  'addresses',
  'routes',
  'links',
  'mounts',
  'volumestatus',
  'disks',
  'discoveredvolumes',
  'staticpods',
  'staticpodstatus',
  'machinestatus',
  'kubeletspec',
  'etcdmembers',
  'timestatus',
  'extensions',
  'resourcedefinitions',
  'systemdisk',
  'nodeaddress',
  'resolvers',
  'timeservers',
  'kubespanidentities',
  'securitystate',
  'metakeys',
  'platformmetadata',
  'osrootsecrets',
  'namespaces',
  'processors',
  'memorymodules',
] as const;

/** Resources of every kind that a person is likely to ask for, on both sorts of node. */
export const gets: readonly CommandCase[] = [
  ...kinds.map(kind => ({
    id: `get ${kind}`,
    command: 'get',
    steps: [{ run: ['get', kind, '-n', cp] }, { run: ['get', kind, '-o', 'yaml', '-n', worker] }],
  })),
  { id: 'get one', command: 'get', steps: [{ run: ['get', 'members', worker, '-n', cp], shows: /demo-worker-1/ }] },
  { id: 'get -o json', command: 'get', steps: [{ run: ['get', 'members', '-o', 'json', '-n', cp], shows: /"spec"/ }] },
  {
    id: 'get -o jsonpath',
    command: 'get',
    steps: [{ run: ['get', 'members', '-o', 'jsonpath={.spec.hostname}', '-n', cp] }],
  },
  {
    id: 'get of nothing',
    command: 'get',
    steps: [{ run: ['get', 'members', 'nothing', '-n', cp], exit: 1, shows: /NotFound|not found/ }],
  },
  { id: 'get of no kind', command: 'get', steps: [{ run: ['get', 'nosuchkind', '-n', cp], exit: 1 }] },
  {
    id: 'get in another namespace',
    command: 'get',
    steps: [{ run: ['get', 'members', '--namespace', 'nosuch', '-n', cp], exit: 1 }],
  },
  {
    id: 'get of several nodes',
    command: 'get',
    anyOrder: true,
    steps: [{ run: ['get', 'services', '-n', `${cp},${worker},${worker2}`] }],
  },
];
