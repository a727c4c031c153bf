import type { Clock } from '../core/clock.ts';
import type { NodeSettings } from './settings.ts';

/** What a log is made from: a counter, the time, and the node's own facts. */
export interface LineFacts {
  readonly settings: NodeSettings;
  readonly clock: Clock;
}

type Writer = (facts: LineFacts, sequence: number) => string;

/** A function that writes the next line of the named service or container. */
export function lineWriter(name: string, facts: LineFacts): () => string {
  const write = writers[name] ?? plain(name);
  let sequence = 0;
  return () => write(facts, (sequence += 1));
}

/** A function that writes kernel lines in the form of `talosctl dmesg`. */
export function kernelWriter(facts: LineFacts): () => string {
  let sequence = 0;
  return () => kernelLine(facts, messages.kernel[(sequence += 1) % messages.kernel.length] ?? '');
}

/** One line of `talosctl dmesg`: facility, priority, time, text. */
export function kernelLine({ clock }: LineFacts, text: string): string {
  const facility = text.startsWith('[talos]') ? 'user: warning' : 'kern:    info';
  return `${facility}: [${stamp(clock, 9)}]: ${text}`;
}

const messages = {
  kernel: [
    '[talos] controller runtime is healthy {"component": "controller-runtime"}',
    'IPv6: ADDRCONF(NETDEV_CHANGE): veth3a5c1f: link becomes ready',
    'cni0: port 3(veth3a5c1f) entered forwarding state',
    '[talos] service[kubelet](Running): Health check successful',
    'audit: type=1334 audit(0.0:0): prog-id=57 op=LOAD',
  ],
  machined: [
    'service[apid](Running): Health check successful',
    'service[kubelet](Running): Health check successful',
    'updated node address status {"component": "controller-runtime", "controller": "network.NodeAddressController"}',
    'rendered new static pod {"component": "controller-runtime", "controller": "k8s.StaticPodServerController"}',
  ],
  kubelet: [
    ['kubelet/pod_startup_latency_tracker.go:104', 'Observed pod startup duration'],
    ['kubelet/kubelet.go:2537', 'SyncLoop (probe)'],
    ['operationexecutor/operation_generator.go:615', 'MountVolume.SetUp succeeded for volume'],
    ['kubelet/status_manager.go:895', 'Status for pod updated'],
  ],
  etcd: [
    'apply request took too long',
    'compacted raft logs',
    'saved snapshot to disk',
    'finished scheduled compaction',
  ],
} as const;

const writers: Readonly<Record<string, Writer>> = {
  machined: ({ clock }, n) => `${slashStamp(clock)} [talos] ${messages.machined[n % messages.machined.length] ?? ''}`,
  kubelet: ({ clock, settings }, n) => {
    const [caller, msg] = messages.kubelet[n % messages.kubelet.length] ?? ['', ''];
    return JSON.stringify({ ts: clock.now(), caller, msg, v: 2, pod: `kube-system/kube-proxy-${settings.name}` });
  },
  etcd: ({ clock }, n) =>
    JSON.stringify({
      level: 'info',
      ts: stamp(clock, 6),
      caller: 'etcdserver/server.go:2118',
      msg: messages.etcd[n % messages.etcd.length],
      revision: 100_000 + n,
    }),
  apid: ({ clock, settings }, n) =>
    `${slashStamp(clock)} [debug] OK [/machine.MachineService/Version] ${n % 9}.${n % 10}ms unary Success (:authority=${settings.address}:50000)`,
  containerd: ({ clock }, n) =>
    `{"level":"info","msg":"shim disconnected","namespace":"k8s.io","id":"${n.toString(16).padStart(12, '0')}","time":"${stamp(clock, 9)}"}`,
};

function plain(name: string): Writer {
  return ({ clock }, n) => `${stamp(clock, 6)} ${name}: heartbeat ${n}`;
}

function stamp(clock: Clock, digits: number): string {
  const fraction = String(Math.abs(clock.monotonic()) % 1_000_000)
    .padStart(6, '0')
    .padEnd(digits, '0');
  return `${new Date(clock.now()).toISOString().slice(0, 19)}.${fraction.slice(0, digits)}Z`;
}

function slashStamp(clock: Clock): string {
  return stamp(clock, 6).replaceAll('-', '/').replace('T', ' ').replace('Z', '');
}
