import type { NodeState } from '../../node.ts';
import { type Item, kind } from './item.ts';

const osRoot = kind('OSRootSecrets.secrets.talos.dev', 'secrets.RootOSController');
const kubernetesRoot = kind('KubernetesRootSecrets.secrets.talos.dev', 'secrets.RootKubernetesController');

/** Root secrets, taken from the machine configuration: what sensitive kinds are there to protect. */
export function secretItems(node: NodeState): readonly Item[] {
  const { cluster, machine } = node.config.active.main as {
    readonly cluster?: { readonly ca?: object; readonly token?: string; readonly clusterName?: string };
    readonly machine?: { readonly ca?: object; readonly token?: string };
  };
  const { settings } = node;
  if (settings.role === 'worker') return [];
  return [
    osRoot('os', {
      issuingCA: { ...machine?.ca },
      acceptedCAs: [],
      certSANIPs: [settings.address],
      certSANDNSNames: [settings.name],
      token: machine?.token ?? '',
    }),
    kubernetesRoot('k8s', {
      name: cluster?.clusterName ?? '',
      endpoint: `https://${settings.cluster}.example:6443`,
      issuingCA: { ...cluster?.ca },
      bootstrapTokenID: cluster?.token ?? '',
    }),
  ];
}
