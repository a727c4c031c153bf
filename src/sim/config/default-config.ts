import { stringify } from 'yaml';
import type { PemPair } from '../pki/authority.ts';
import type { ClusterSecrets } from '../pki/cluster-secrets.ts';
import type { NodeSettings } from '../settings.ts';

/**
 * A complete machine configuration for a node: valid for a stock talosctl, with the secrets of its cluster. Two
 * documents, as Talos generates them.
 */
export function defaultConfig(settings: NodeSettings, secrets: ClusterSecrets): string {
  const documents = [v1alpha1(settings, secrets), hostname(settings)];
  return documents.map(document => stringify(document, { indent: 4, lineWidth: 0 })).join('---\n');
}

function v1alpha1(settings: NodeSettings, secrets: ClusterSecrets): object {
  const controlPlane = settings.role === 'controlplane';
  return {
    version: 'v1alpha1',
    debug: false,
    persist: true,
    machine: {
      type: settings.role,
      token: secrets.machineToken,
      ca: authority(secrets.os.pem, controlPlane),
      certSANs: [settings.name, settings.address],
      kubelet: {
        image: `ghcr.io/siderolabs/kubelet:v${settings.kubernetesVersion}`,
        defaultRuntimeSeccompProfileEnabled: true,
        disableManifestsDirectory: true,
      },
      install: { disk: '/dev/vda', image: `ghcr.io/siderolabs/installer:${settings.talosVersion}`, wipe: false },
      features: {
        diskQuotaSupport: true,
        kubePrism: { enabled: true, port: 7445 },
        hostDNS: { enabled: true, forwardKubeDNSToHost: true },
      },
    },
    cluster: cluster(settings, secrets, controlPlane),
  };
}

function cluster(settings: NodeSettings, secrets: ClusterSecrets, controlPlane: boolean): object {
  const k8s = (part: string) => ({ image: `registry.k8s.io/${part}:v${settings.kubernetesVersion}` });
  const common = {
    id: secrets.clusterId,
    secret: secrets.clusterSecret,
    controlPlane: { endpoint: settings.kubernetesEndpoint },
    clusterName: settings.cluster,
    network: { dnsDomain: 'cluster.local', podSubnets: ['10.244.0.0/16'], serviceSubnets: ['10.96.0.0/12'] },
    token: secrets.bootstrapToken,
    ca: authority(secrets.kubernetes.pem, controlPlane),
    discovery: { enabled: true, registries: { kubernetes: { disabled: true }, service: {} } },
  };
  if (!controlPlane) return common;
  return {
    ...common,
    secretboxEncryptionSecret: secrets.secretboxKey,
    aggregatorCA: authority(secrets.aggregator.pem, true),
    serviceAccount: { key: base64(secrets.serviceAccountKey) },
    apiServer: k8s('kube-apiserver'),
    controllerManager: k8s('kube-controller-manager'),
    proxy: k8s('kube-proxy'),
    scheduler: k8s('kube-scheduler'),
    etcd: { ca: authority(secrets.etcd.pem, true) },
  };
}

function hostname(settings: NodeSettings): object {
  return { apiVersion: 'v1alpha1', kind: 'HostnameConfig', hostname: settings.name };
}

/** Only control-plane nodes hold the key. */
function authority({ crt, key }: PemPair, withKey: boolean): object {
  return { crt: base64(crt), key: withKey ? base64(key) : '' };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
