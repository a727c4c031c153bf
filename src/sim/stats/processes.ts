import { MachineService } from '../../gen/machine/machine_pb.js';
import { unary } from '../handler.ts';
import type { NodeState } from '../node.ts';

interface Row {
  readonly pid: number;
  readonly parent: number;
  readonly threads: number;
  readonly megabytes: number;
  readonly command: string;
  readonly executable: string;
  readonly line: string;
}

/** `talosctl processes`. */
export const processHandlers = [
  unary(MachineService.method.processes, node => ({
    messages: [
      {
        processes: rowsOf(node).map(row => ({
          ...{ pid: row.pid, ppid: row.parent, state: 'S', threads: row.threads, command: row.command },
          cpuTime: Math.round(node.machine.uptime * (row.megabytes / 40)) / 100,
          virtualMemory: BigInt(row.megabytes * 18) * 1_000_000n,
          residentMemory: BigInt(row.megabytes) * 1_000_000n,
          ...{ executable: row.executable, args: row.line, label: `system_u:system_r:${row.command}_t:s0` },
        })),
      },
    ],
  })),
];

function rowsOf(node: NodeState): Row[] {
  const own: Row[] = [
    row(1, 0, 14, 118, 'init', '/sbin/init', '/sbin/init'),
    row(
      1500,
      1,
      12,
      62,
      'containerd',
      '/bin/containerd',
      '/bin/containerd --address /system/run/containerd/containerd.sock',
    ),
    row(1600, 1, 11, 71, 'containerd', '/bin/containerd', '/bin/containerd --address /run/containerd/containerd.sock'),
    row(1700, 1, 10, 41, 'dashboard', '/sbin/dashboard', '/sbin/dashboard'),
    row(
      2101,
      1,
      15,
      96,
      'kubelet',
      '/usr/local/bin/kubelet',
      '/usr/local/bin/kubelet --config=/etc/kubernetes/kubelet.yaml',
    ),
  ];
  const contained = node.containers
    .filter(({ id, podId, namespace }) => namespace === 'system' || id !== podId)
    .map(({ pid, name }) => row(pid, 1, 8, 20 + (pid % 60), name, `/${name}`, `/${name}`));
  return [...own, ...contained];
}

function row(
  pid: number,
  parent: number,
  threads: number,
  megabytes: number,
  command: string,
  executable: string,
  line: string,
): Row {
  return { pid, parent, threads, megabytes, command, executable, line };
}
