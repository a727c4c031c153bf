import type { NodeSettings } from './settings.ts';

/** A service of a system extension: the only sort that the API may stop. */
export const extensionService = 'ext-qemu-guest-agent';

/** Talos services of a node of this role, sorted. */
export function serviceNames({ role }: Pick<NodeSettings, 'role'>): readonly string[] {
  const everywhere = ['apid', 'auditd', 'containerd', 'cri', 'dashboard', 'kubelet', 'machined', 'syslogd', 'udevd'];
  const ofControlPlane = role === 'controlplane' ? ['etcd', 'trustd'] : [];
  return [...everywhere, ...ofControlPlane, extensionService].sort();
}
