import type { SimContainer } from './containers-data.ts';
import { LineLog } from './line-log.ts';
import { kernelLine, kernelWriter, type LineFacts, lineWriter } from './log-content.ts';

/** All logs of a node. */
export interface NodeLogs {
  /** By service id. */
  readonly serviceLogs: ReadonlyMap<string, LineLog>;
  /** By container id as the user types it. */
  readonly containerLogs: ReadonlyMap<string, LineLog>;
  readonly kernelLog: LineLog;
}

const backlog = 40;

/** Makes the logs with some history in each. */
export function createLogs(
  facts: LineFacts,
  services: readonly string[],
  containers: readonly SimContainer[],
): NodeLogs {
  const pods = containers.filter(container => container.namespace === 'k8s.io' && container.id !== container.podId);
  const rate = facts.settings.logRate;
  const serviceLogs = new Map(
    [...services, 'controller-runtime', 'dns-resolve-cache', 'kernel'].map(id => [id, filled(id, facts, rate)]),
  );
  const containerLogs = new Map(pods.map(pod => [pod.id, filled(pod.name, facts, rate)]));
  const kernelLog = new LineLog(kernelWriter(facts), rate);
  for (const text of bootMessages(facts)) kernelLog.append(kernelLine(facts, text));
  return { serviceLogs, containerLogs, kernelLog };
}

/** What a reboot leaves of the logs: the kernel starts over. */
export function restartLogs(logs: NodeLogs, facts: LineFacts): void {
  for (const log of logs.serviceLogs.values()) log.clear();
  logs.kernelLog.clear();
  for (const text of bootMessages(facts)) logs.kernelLog.append(kernelLine(facts, text));
}

function filled(name: string, facts: LineFacts, rate: number): LineLog {
  const write = lineWriter(name, facts);
  const log = new LineLog(write, rate);
  for (let count = 0; count < backlog; count += 1) log.append(write());
  return log;
}

function bootMessages({ settings }: LineFacts): string[] {
  return [
    'Linux version 6.18.44-talos (@buildkitsandbox) (clang version 21.1.8, LLD 21.1.8) #1 SMP PREEMPT_DYNAMIC',
    'Command line: talos.platform=metal console=tty0 init_on_alloc=1 slab_nomerge pti=on consoleblank=0',
    'KERNEL supported cpus:',
    '  Intel GenuineIntel',
    '  AMD AuthenticAMD',
    'Memory: 8091564K/8388084K available',
    'smp: Brought up 1 node, 4 CPUs',
    'virtio_blk virtio2: [vda] 20971520 512-byte logical blocks (10.7 GB/10.0 GiB)',
    ` vda: vda1 vda2 vda3 vda4`,
    `[talos] [initramfs] booting Talos ${settings.talosVersion}`,
    '[talos] initialize sequence: 7 phase(s)',
    '[talos] boot sequence: 16 phase(s)',
    `[talos] setting hostname {"component": "controller-runtime", "controller": "network.HostnameSpecController", "hostname": "${settings.name}"}`,
    `[talos] assigned address {"component": "controller-runtime", "controller": "network.AddressSpecController", "address": "${settings.address}/24", "link": "eth0"}`,
    '[talos] service[machined](Running): Health check successful',
    '[talos] service[containerd](Running): Health check successful',
    '[talos] service[apid](Running): Health check successful',
    '[talos] service[kubelet](Running): Health check successful',
    '[talos] machine is running and ready {"component": "controller-runtime", "controller": "runtime.MachineStatusController"}',
  ];
}
