import type { NodeSettings } from './settings.ts';

/** Talos services of a node of this role, sorted. */
export function serviceNames({ role }: Pick<NodeSettings, 'role'>): readonly string[] {
  const everywhere = ['apid', 'auditd', 'containerd', 'cri', 'dashboard', 'kubelet', 'machined', 'syslogd', 'udevd'];
  return role === 'controlplane' ? [...everywhere, 'etcd', 'trustd'].sort() : everywhere;
}
