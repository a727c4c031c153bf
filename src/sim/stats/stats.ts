import { MachineService } from '../../gen/machine/machine_pb.js';
import { unary } from '../handler.ts';
import type { NodeState } from '../node.ts';

const cpus = 4;

/** Memory, mounts and the counters that the dashboard draws; they move with the node's uptime. */
export const statHandlers = [
  unary(MachineService.method.memory, node => ({ messages: [{ meminfo: memory(node) }] })),
  unary(MachineService.method.mounts, () => ({ messages: [{ stats: mounts() }] })),
  unary(MachineService.method.loadAvg, node => {
    const load = wave(node, 0.1, 1.4);
    return { messages: [{ load1: load, load5: load * 0.8, load15: load * 0.6 }] };
  }),
  unary(MachineService.method.systemStat, node => ({ messages: [systemStat(node)] })),
  unary(MachineService.method.cPUFreqStats, node => {
    const currentFrequency = BigInt(Math.round(wave(node, 1200, 3000))) * 1000n;
    const one = { currentFrequency, minimumFrequency: 800_000n, maximumFrequency: 3_000_000n, governor: 'schedutil' };
    return { messages: [{ cpuFreqStats: Array.from({ length: cpus }, () => one) }] };
  }),
  unary(MachineService.method.cPUInfo, () => ({
    messages: [
      {
        cpuInfo: Array.from({ length: cpus }, (_unused, processor) => ({
          ...{ processor, vendorId: 'SimulatedCPU', cpuFamily: '6', model: '1', modelName: 'Simulated CPU @ 3.00GHz' },
          ...{ stepping: '1', cpuMhz: 3000, cacheSize: '4096 KB', physicalId: '0', siblings: cpus, cpuCores: cpus },
          ...{ coreId: String(processor), fpu: 'yes', wp: 'yes', bogoMips: 6000, clFlushSize: 64, cacheAlignment: 64 },
        })),
      },
    ],
  })),
  unary(MachineService.method.networkDeviceStats, node => {
    const eth0 = device(node, 'eth0', 9000);
    const lo = device(node, 'lo', 400);
    const total = { ...eth0, name: '', rxBytes: eth0.rxBytes + lo.rxBytes, txBytes: eth0.txBytes + lo.txBytes };
    return { messages: [{ total, devices: [eth0, lo] }] };
  }),
  unary(MachineService.method.diskStats, node => {
    const vda = disk(node, 'vda', 30);
    const vdb = disk(node, 'vdb', 0);
    return { messages: [{ total: { ...vda, name: '' }, devices: [vda, vdb] }] };
  }),
];

/** A value that swings between two bounds over about a minute. */
function wave(node: NodeState, low: number, high: number): number {
  const share = (Math.sin(node.machine.uptime / 10) + 1) / 2;
  return Math.round((low + share * (high - low)) * 100) / 100;
}

function counter(node: NodeState, perSecond: number): bigint {
  return BigInt(Math.floor(node.machine.uptime * perSecond));
}

function memory(node: NodeState) {
  const used = BigInt(Math.round(wave(node, 1_200_000, 1_900_000)));
  return {
    ...{ memtotal: 8_091_564n, memfree: 8_091_564n - used - 1_100_000n, memavailable: 8_091_564n - used },
    ...{ buffers: 8_420n, cached: 1_091_580n, active: 1_200_444n, inactive: 790_120n, activeanon: 640_000n },
    ...{ inactiveanon: 21_000n, activefile: 560_444n, inactivefile: 769_120n, anonpages: 660_300n, mapped: 380_200n },
    ...{ shmem: 32_400n, slab: 210_000n, sreclaimable: 120_000n, sunreclaim: 90_000n, kernelstack: 9_100n },
    ...{ pagetables: 11_200n, commitlimit: 4_045_780n, committedas: 3_100_000n, vmalloctotal: 34_359_738_367n },
    ...{ hugepagesize: 2_048n, directmap4k: 210_000n, directmap2m: 8_100_000n },
  };
}

function mounts() {
  const rows = [
    ['devtmpfs', 4_004_000_000, 4_004_000_000, '/dev'],
    ['tmpfs', 4_142_000_000, 4_139_000_000, '/run'],
    ['tmpfs', 4_142_000_000, 4_141_000_000, '/system'],
    ['/dev/loop0', 77_000_000, 0, '/'],
    ['/dev/vda5', 96_000_000, 89_000_000, '/system/state'],
    ['/dev/vda6', 9_000_000_000, 7_600_000_000, '/var'],
    ['overlay', 9_000_000_000, 7_600_000_000, '/etc/cni'],
  ] as const;
  return rows.map(([filesystem, size, available, mountedOn]) => ({
    ...{ filesystem, mountedOn },
    ...{ size: BigInt(size), available: BigInt(available) },
  }));
}

function systemStat(node: NodeState) {
  const busy = node.machine.uptime;
  const stat = (share: number) => ({
    ...{ user: busy * 0.05 * share, nice: 0, system: busy * 0.03 * share, idle: busy * 0.9 * share },
    ...{ iowait: busy * 0.01 * share, irq: 0, softIrq: busy * 0.01 * share, steal: 0, guest: 0, guestNice: 0 },
  });
  return {
    bootTime: BigInt(Math.floor(node.machine.bootedAt / 1000)),
    cpuTotal: stat(cpus),
    cpu: Array.from({ length: cpus }, () => stat(1)),
    ...{ irqTotal: counter(node, 900), contextSwitches: counter(node, 4000), processCreated: counter(node, 3) },
    ...{ processRunning: 2n, processBlocked: 0n, softIrqTotal: counter(node, 700) },
    softIrq: {
      timer: counter(node, 250),
      netRx: counter(node, 200),
      sched: counter(node, 150),
      rcu: counter(node, 90),
    },
  };
}

function device(node: NodeState, name: string, rate: number) {
  return {
    ...{ name, rxBytes: counter(node, rate), rxPackets: counter(node, rate / 500) },
    ...{ txBytes: counter(node, rate / 2), txPackets: counter(node, rate / 700) },
  };
}

function disk(node: NodeState, name: string, rate: number) {
  return {
    ...{ name, readCompleted: counter(node, rate / 10), readSectors: counter(node, rate * 2) },
    ...{
      writeCompleted: counter(node, rate),
      writeSectors: counter(node, rate * 16),
      ioTimeMs: counter(node, rate / 5),
    },
  };
}
