import { cp, worker, worker2 } from './case.ts';

/** What a viewer may not do; each must end by itself, with the reason and without the usage screen. */
export const refusedToViewer = [
  ['reboot', '-n', worker],
  ['reboot', '-n', `${worker},${worker2}`],
  ['reboot', '--wait=false', '-n', worker],
  ['shutdown', '-n', worker],
  ['reset', '--graceful=false', '-n', worker],
  ['upgrade', '--drain=false', '--image', 'ghcr.io/siderolabs/installer:v1.14.9', '-n', worker],
  ['rollback', '-n', worker],
  ['apply-config', '-f', 'config.yaml', '-n', worker],
  ['patch', 'machineconfig', '-p', '{"machine":{"sysctls":{"a":"b"}}}', '-n', worker],
  ['edit', 'machineconfig', '-n', worker],
  ['get', 'machineconfig', '-n', worker],
  ['get', 'machineconfig', '-w', '-n', worker],
  ['get', 'osrootsecrets', '-n', cp],
  ['service', 'kubelet', 'restart', '-n', worker],
  ['restart', '-k', 'kube-system/kube-proxy-x:kube-proxy:0', '-n', worker],
  ['image', 'pull', 'docker.io/library/alpine:3.22', '-n', worker],
  ['image', 'remove', 'docker.io/library/alpine:3.22', '-n', worker],
  ['meta', 'write', '0x0a', 'x', '-n', worker],
  ['meta', 'delete', '0x0a', '-n', worker],
  ['wipe', 'disk', 'vdb', '-n', worker],
  ['etcd', 'snapshot', 'db.snapshot', '-n', cp],
  ['etcd', 'leave', '-n', cp],
  ['etcd', 'defrag', '-n', cp],
  ['etcd', 'remove-member', '1', '-n', cp],
  ['bootstrap', '-n', cp],
  ['kubeconfig', '--merge=false', 'kube.yaml', '-n', cp],
  ['config', 'new', 'new.talosconfig', '-n', cp],
  ['read', '/etc/shadow', '-n', worker],
  ['copy', '/etc', './etc', '-n', worker],
  ['pcap', '-i', 'eth0', '-n', worker],
  ['health', '--control-plane-nodes', '10.5.0.2', '--worker-nodes', '10.5.0.3', '-n', cp],
] as const satisfies readonly (readonly string[])[];

/** Shown to whoever has no credential that counts. */
export const refusedToStrangers = [
  ['version', '-n', worker],
  ['version', '-n', `${cp},${worker}`],
  ['logs', '-f', 'kubelet', '-n', worker],
  ['get', 'members', '-n', cp],
  ['get', 'members', '-w', '-n', cp],
  ['dmesg', '-f', '-n', worker],
  ['reboot', '-n', worker],
] as const satisfies readonly (readonly string[])[];
