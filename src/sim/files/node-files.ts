import { containersOf } from '../containers-data.ts';
import type { NodeState } from '../node.ts';
import type { NodeSettings } from '../settings.ts';
import { cgroupFiles, cgroupsOf } from './cgroup-files.ts';
import { type FileSpec, FileTree } from './file-tree.ts';

type Files = Readonly<Record<string, FileSpec | string>>;

/** The files of a node. Contents that depend on its state are made when somebody reads them. */
export function createNodeFiles(settings: NodeSettings, state: () => NodeState): FileTree {
  const groups = cgroupFiles(state, cgroupsOf(containersOf(settings)));
  return new FileTree({
    ...skeleton,
    ...groups,
    ...etc(settings, state),
    ...proc(state),
    ...sys,
    ...variable(settings, state),
  });
}

/** Directories that every Talos root has. */
const skeleton: Files = Object.fromEntries(
  [
    '/dev',
    '/opt',
    '/root',
    '/run',
    '/tmp',
    '/mnt',
    '/system/state',
    '/system/run',
    '/boot',
    '/usr/share',
    '/.extra',
  ].map(path => [path, { directory: true as const }]),
);

function etc({ name, address, cluster }: NodeSettings, state: () => NodeState): Files {
  return {
    '/etc/os-release': {
      content: () => {
        const version = state().machine.talosVersion;
        return [
          'NAME="Talos"',
          'ID=talos',
          `VERSION_ID=${version}`,
          `PRETTY_NAME="Talos (${version})"`,
          'HOME_URL="https://www.talos.dev/"',
          'BUG_REPORT_URL="https://github.com/siderolabs/talos/issues"',
          'VENDOR_NAME="Sidero Labs"',
          'VENDOR_URL="https://www.siderolabs.com/"',
          '',
        ].join('\n');
      },
    },
    '/etc/hosts': `127.0.0.1       localhost\n${address}        ${name}\n::1             localhost ip6-localhost ip6-loopback\nff02::1         ip6-allnodes\nff02::2         ip6-allrouters\n`,
    '/etc/hostname': `${name}\n`,
    '/etc/machine-id': { content: () => `${state().machine.bootId.replaceAll('-', '')}\n` },
    '/etc/resolv.conf': `nameserver 127.0.0.53\n\nsearch ${cluster}.example\n`,
    '/etc/localtime': { linkTo: '/usr/share/zoneinfo/UTC' },
    '/usr/share/zoneinfo/UTC': 'TZif2\nUTC0\n',
    '/etc/ssl/certs/ca-certificates': '# no certificate authorities on a simulated node\n',
    '/etc/kubernetes/kubelet.yaml': 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n',
    '/etc/cri/conf.d/00-base.part': 'version = 3\n',
    '/bin': { linkTo: 'usr/bin' },
    '/sbin': { linkTo: 'usr/sbin' },
    '/usr/bin/containerd': { content: '\u007fELF', mode: 0o755 },
    '/usr/sbin/init': { content: '\u007fELF', mode: 0o755 },
  };
}

function proc(state: () => NodeState): Files {
  const live = (content: () => string): FileSpec => ({ content, mode: 0o444 });
  return {
    '/proc/sys/kernel/random/boot_id': live(() => `${state().machine.bootId}\n`),
    '/proc/sys/kernel/hostname': live(() => `${state().settings.name}\n`),
    '/proc/sys/kernel/osrelease': '6.18.44-talos\n',
    '/proc/cmdline':
      'talos.platform=metal console=tty0 init_on_alloc=1 slab_nomerge pti=on consoleblank=0 nvme_core.io_timeout=4294967295 printk.devkmsg=on\n',
    '/proc/version': 'Linux version 6.18.44-talos (@buildkitsandbox) #1 SMP PREEMPT_DYNAMIC\n',
    '/proc/uptime': live(() => `${state().machine.uptime.toFixed(2)} ${(state().machine.uptime * 3.6).toFixed(2)}\n`),
    '/proc/loadavg': '0.31 0.24 0.18 2/412 5821\n',
    '/proc/meminfo': 'MemTotal:        8091564 kB\nMemFree:         5321140 kB\nMemAvailable:    6610408 kB\n',
    '/proc/mounts': 'overlay / overlay ro 0 0\n/dev/vda4 /system/state xfs rw 0 0\n/dev/vda6 /var xfs rw 0 0\n',
    '/proc/bus/pci/devices': '0000\t80861237\t0\n0018\t1af41000\tb\t\tvirtio-pci\n',
    '/proc/1/cmdline': '/sbin/init\0',
    '/proc/1/root': { linkTo: '/' },
    '/proc/self': { linkTo: '1' },
  };
}

const sys: Files = {
  '/sys/dev/block/253:0': { linkTo: '../../devices/virtio2/block/vda' },
  '/sys/devices/virtio2/block/vda/size': '20971520\n',
  '/sys/class/net/eth0/address': '02:42:0a:05:00:02\n',
};

function variable(settings: NodeSettings, state: () => NodeState): Files {
  const pods = `/var/log/pods/kube-system_kube-proxy-${settings.name}_0/kube-proxy`;
  const config: FileSpec = { content: () => state().config.persisted.text, mode: 0o600 };
  return {
    '/system/state/config.yaml': config,
    '/system/secrets/kubernetes/kube-apiserver/ca.crt': { content: '-----BEGIN CERTIFICATE-----\n', mode: 0o600 },
    [`${pods}/0.log`]: { content: () => text(state(), 'machined'), mode: 0o640 },
    '/var/log/audit/kube/kube-apiserver.log': { content: '{"kind":"Event","level":"Metadata"}\n', mode: 0o600 },
    '/var/log/containers': { directory: true },
    '/var/log/machined.log': { content: () => text(state(), 'machined') },
    '/var/log/kubelet.log': { content: () => text(state(), 'kubelet') },
    '/var/lib/kubelet/kubeconfig': { content: 'apiVersion: v1\nkind: Config\n', mode: 0o600 },
    '/var/lib/kubelet/pki/kubelet.crt': '-----BEGIN CERTIFICATE-----\n',
    '/var/lib/containerd': { directory: true, mode: 0o700 },
    '/var/lib/etcd': { directory: true, mode: 0o700 },
    '/var/run': { linkTo: '/run' },
  };
}

function text(state: NodeState, log: string): string {
  const lines = state.serviceLogs.get(log)?.tail() ?? [];
  return lines.map(line => `${line}\n`).join('');
}
