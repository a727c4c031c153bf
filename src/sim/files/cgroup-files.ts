import type { NodeState } from '../node.ts';

/** A control group: where it is below /sys/fs/cgroup, and what the kernel counts for it. */
interface Group {
  readonly path: string;
  readonly processes: readonly number[];
  readonly megabytes: number;
  /** `cpu.weight` */
  readonly weight: number;
}

const page = 1024 * 1024;

/**
 * The tree below /sys/fs/cgroup with the files that `talosctl cgroups` shows (talos internal/pkg/cgroups): Talos' own
 * services, the container runtime, and a group for each pod. Counters grow with the node's uptime.
 */
export function cgroupFiles(
  node: () => NodeState,
  groups: readonly Group[],
): Record<string, { content: () => string }> {
  return Object.fromEntries(
    groups.flatMap(group =>
      Object.entries(filesOf(group, node)).map(([name, content]) => [
        `/sys/fs/cgroup/${group.path === '' ? '' : `${group.path}/`}${name}`,
        { content: () => (content() === '' && name.startsWith('cgroup.') ? '' : `${content()}\n`), mode: 0o444 },
      ]),
    ),
  );
}

/** Groups of a node with these containers, parents before children. */
export function cgroupsOf(containers: NodeState['containers']): readonly Group[] {
  const pods = containers.filter(({ namespace, id, podId }) => namespace === 'k8s.io' && id !== podId);
  const own = containers.filter(({ namespace }) => namespace === 'system');
  return [
    group('', [], 2000, 100),
    group('init', [1], 118, 79),
    group('kubepods', [], 900, 79),
    group('kubepods/besteffort', [], 200, 1),
    ...pods.flatMap(({ podUid, internalId, pid }) => [
      group(`kubepods/besteffort/pod${podUid}`, [], 60, 1),
      group(`kubepods/besteffort/pod${podUid}/${internalId}`, [pid], 50, 1),
    ]),
    group('podruntime', [], 310, 79),
    group('podruntime/kubelet', [2101], 96, 39),
    group('podruntime/runtime', [1600], 71, 39),
    group('system', [], 204, 59),
    ...own.map(({ name, pid }) => group(`system/${name}`, [pid], 30, 20)),
    group('system/runtime', [1500], 62, 20),
  ];
}

function group(path: string, processes: readonly number[], megabytes: number, weight: number): Group {
  return { path, processes, megabytes, weight };
}

function filesOf({ path, processes, megabytes, weight }: Group, node: () => NodeState): Record<string, () => string> {
  const usec = (share: number): string => String(Math.floor(node().machine.uptime * megabytes * share));
  const io = (): string => {
    const bytes = Math.floor(node().machine.uptime) * megabytes;
    return `253:0 rbytes=${bytes * 40} wbytes=${bytes * 100} rios=${bytes} wios=${bytes * 2} dbytes=0 dios=0`;
  };
  const pressure = (): string =>
    ['some', 'full'].map(kind => `${kind} avg10=0.12 avg60=0.08 avg300=0.02 total=${usec(3)}`).join('\n');
  const counters: Record<string, () => string> = {
    'cgroup.controllers': () => 'cpuset cpu io memory hugetlb pids rdma misc',
    'cgroup.procs': () => processes.join('\n'),
    'cgroup.stat': () => 'nr_descendants 0\nnr_dying_descendants 0',
    'cgroup.threads': () => processes.join('\n'),
    'cpu.pressure': pressure,
    'cpu.stat': () =>
      `usage_usec ${usec(80)}\nuser_usec ${usec(50)}\nsystem_usec ${usec(30)}\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0`,
    'cpuset.cpus.effective': () => '0-3',
    'cpuset.mems.effective': () => '0',
    'io.pressure': pressure,
    'io.stat': io,
    'memory.pressure': pressure,
    'memory.stat': () => `anon ${megabytes * page}\nfile ${megabytes * page}\nkernel ${page}\nslab ${page}`,
  };
  // The root has no limits.
  if (path === '') return counters;
  return {
    ...counters,
    'cgroup.events': () => `populated ${processes.length > 0 ? 1 : 0}\nfrozen 0`,
    'cgroup.freeze': () => '0',
    'cpu.max': () => 'max 100000',
    'cpu.weight': () => String(weight),
    'cpu.weight.nice': () => '0',
    'cpuset.cpus': () => '',
    'cpuset.mems': () => '',
    'memory.current': () => String(megabytes * page),
    'memory.events': () => 'low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0',
    'memory.high': () => 'max',
    'memory.low': () => '0',
    'memory.max': () => 'max',
    'memory.min': () => String(path.includes('/') ? 0 : megabytes * page * 2),
    'memory.oom.group': () => '0',
    'memory.peak': () => String(megabytes * page * 2),
    'memory.swap.current': () => '0',
    'memory.swap.events': () => 'high 0\nmax 0\nfail 0',
    'memory.swap.high': () => 'max',
    'memory.swap.max': () => 'max',
    'memory.swap.peak': () => '0',
    'memory.zswap.current': () => '0',
    'memory.zswap.max': () => 'max',
    'memory.zswap.writeback': () => '1',
    'pids.current': () => String(processes.length * 8),
    'pids.events': () => 'max 0',
    'pids.max': () => 'max',
    'pids.peak': () => String(processes.length * 11),
  };
}
