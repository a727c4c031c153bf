import { stringify } from 'yaml';
import type { Clock } from '../../core/clock.ts';
import type { NodeSettings } from '../settings.ts';

/**
 * A complete machine configuration for a node: valid for a stock talosctl, with secrets of the right shape made from
 * the clock's randomness. Two documents, as Talos generates them.
 */
export function defaultConfig(settings: NodeSettings, clock: Clock): string {
  const documents = [v1alpha1(settings, clock), hostname(settings)];
  return documents.map(document => stringify(document, { indent: 4, lineWidth: 0 })).join('---\n');
}

function v1alpha1(settings: NodeSettings, clock: Clock): object {
  const controlPlane = settings.role === 'controlplane';
  return {
    version: 'v1alpha1',
    debug: false,
    persist: true,
    machine: {
      type: settings.role,
      token: token(clock),
      ca: controlPlane ? pair(clock) : { crt: pem(clock, 'CERTIFICATE'), key: '' },
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
    cluster: cluster(settings, clock, controlPlane),
  };
}

function cluster(settings: NodeSettings, clock: Clock, controlPlane: boolean): object {
  const k8s = (part: string) => ({ image: `registry.k8s.io/${part}:v${settings.kubernetesVersion}` });
  const common = {
    id: clock.random(32).toString('base64'),
    secret: clock.random(32).toString('base64'),
    controlPlane: { endpoint: `https://${settings.cluster}.example:6443` },
    clusterName: settings.cluster,
    network: { dnsDomain: 'cluster.local', podSubnets: ['10.244.0.0/16'], serviceSubnets: ['10.96.0.0/12'] },
    token: token(clock),
    discovery: { enabled: true, registries: { kubernetes: { disabled: true }, service: {} } },
  };
  if (!controlPlane) return { ...common, ca: { crt: pem(clock, 'CERTIFICATE'), key: '' } };
  return {
    ...common,
    secretboxEncryptionSecret: clock.random(32).toString('base64'),
    ca: pair(clock),
    aggregatorCA: pair(clock),
    serviceAccount: { key: pem(clock, 'RSA PRIVATE KEY') },
    apiServer: k8s('kube-apiserver'),
    controllerManager: k8s('kube-controller-manager'),
    proxy: k8s('kube-proxy'),
    scheduler: k8s('kube-scheduler'),
    etcd: { ca: pair(clock) },
  };
}

function hostname(settings: NodeSettings): object {
  return { apiVersion: 'v1alpha1', kind: 'HostnameConfig', hostname: settings.name };
}

function pair(clock: Clock): object {
  return { crt: pem(clock, 'CERTIFICATE'), key: pem(clock, 'ED25519 PRIVATE KEY') };
}

/** PEM around random bytes: looks like key material and opens nothing. */
function pem(clock: Clock, label: string): string {
  const body = clock.random(48).toString('base64');
  return Buffer.from(`-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`).toString('base64');
}

function token(clock: Clock): string {
  const hex = clock.random(11).toString('hex');
  return `${hex.slice(0, 6)}.${hex.slice(6)}`;
}
