import type { NodeState } from '../../node.ts';
import { type Item, kind } from './item.ts';

const kubeletStatus = kind('KubeletStatuses.kubernetes.talos.dev', 'k8s.KubeletServiceController', {
  image: [1, 'string'],
});
const kubeletSpec = kind('KubeletSpecs.kubernetes.talos.dev', 'k8s.KubeletSpecController', {
  image: [1, 'string'],
  args: [2, 'strings'],
  expectedNodename: [4, 'string'],
  config: [5, 'struct'],
});
const kubeletConfig = kind('KubeletConfigs.kubernetes.talos.dev', 'k8s.KubeletConfigController', {
  image: [1, 'string'],
  clusterDNS: [2, 'strings'],
  clusterDomain: [3, 'string'],
  defaultRuntimeSeccompEnabled: [8, 'bool'],
  skipNodeRegistration: [9, 'bool'],
  disableManifestsDirectory: [11, 'bool'],
});
const nodename = kind('Nodenames.kubernetes.talos.dev', 'k8s.NodenameController', {
  nodename: [1, 'string'],
  hostnameVersion: [2, 'string'],
  skipNodeRegistration: [3, 'bool'],
});

const bootstrapManifests = kind(
  'BootstrapManifestsConfigs.kubernetes.talos.dev',
  'k8s.ControlPlaneBootstrapManifestsController',
  {
    string: [1, 'string'],
    clusterDomain: [2, 'string'],
    podCIDRs: [3, 'strings'],
    proxyEnabled: [4, 'bool'],
    proxyImage: [5, 'string'],
    coreDNSEnabled: [7, 'bool'],
    coreDNSImage: [8, 'string'],
    dnsServiceIP: [9, 'string'],
    flannelEnabled: [11, 'bool'],
    flannelImage: [12, 'string'],
    talosAPIServiceEnabled: [15, 'bool'],
    cniName: [21, 'string'],
  },
);

const apiServer = kind('APIServerConfigs.kubernetes.talos.dev', 'k8s.ControlPlaneAPIServerController', {
  image: [1, 'string'],
  controlPlaneEndpoint: [3, 'string'],
  etcdServers: [4, 'strings'],
  localPort: [5, 'int'],
  serviceCIDR: [6, 'strings'],
  advertisedAddress: [11, 'string'],
});
const controllerManager = kind(
  'ControllerManagerConfigs.kubernetes.talos.dev',
  'k8s.ControlPlaneControllerManagerController',
  { enabled: [1, 'bool'], image: [2, 'string'], podCIDRs: [4, 'strings'], serviceCIDRs: [5, 'strings'] },
);
const scheduler = kind('SchedulerConfigs.kubernetes.talos.dev', 'k8s.ControlPlaneSchedulerController', {
  enabled: [1, 'bool'],
  image: [2, 'string'],
});

const components = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const;

/** Kubelet, and on control-plane nodes the static pods. */
export function kubernetesItems(node: NodeState): readonly Item[] {
  const { name, role, kubernetesVersion } = node.settings;
  const image = `ghcr.io/siderolabs/kubelet:v${kubernetesVersion}`;
  // From the machine configuration: an upgrade of Kubernetes changes it there.
  const cluster = node.config.active.main['cluster'] as Readonly<Record<string, { image?: string } | undefined>>;
  const k8sImage = (part: string, name: string): string =>
    cluster[part]?.image ?? `registry.k8s.io/${name}:v${kubernetesVersion}`;
  const ready = node.services.resourceOf('kubelet').running;
  return [
    nodename('nodename', { nodename: name, hostnameVersion: '1', skipNodeRegistration: false }),
    kubeletStatus('kubelet', { image }),
    kubeletSpec('kubelet', {
      image,
      args: ['--config=/etc/kubernetes/kubelet.yaml', `--hostname-override=${name}`],
      expectedNodename: name,
      config: {
        apiVersion: 'kubelet.config.k8s.io/v1beta1',
        kind: 'KubeletConfiguration',
        clusterDomain: 'cluster.local',
      },
    }),
    kubeletConfig('kubelet', {
      ...{ image, clusterDNS: ['10.96.0.10'], clusterDomain: 'cluster.local', cloudProviderExternal: false },
      ...{ defaultRuntimeSeccompEnabled: true, skipNodeRegistration: false, disableManifestsDirectory: true },
    }),
    ...(role === 'controlplane'
      ? [
          apiServer('kube-apiserver', {
            ...{
              image: k8sImage('apiServer', 'kube-apiserver'),
              controlPlaneEndpoint: node.settings.kubernetesEndpoint,
            },
            ...{ etcdServers: ['https://localhost:2379'], localPort: 6443, serviceCIDR: ['10.96.0.0/12'] },
            ...{ extraVolumes: [], environmentVariables: {}, advertisedAddress: '$(POD_IP)' },
          }),
          controllerManager('kube-controller-manager', {
            ...{ enabled: true, image: k8sImage('controllerManager', 'kube-controller-manager') },
            ...{ podCIDRs: ['10.244.0.0/16'], serviceCIDRs: ['10.96.0.0/12'], extraVolumes: [] },
          }),
          scheduler('kube-scheduler', { enabled: true, image: k8sImage('scheduler', 'kube-scheduler') }),
          bootstrapManifests('manifests', {
            ...{
              string: node.settings.kubernetesEndpoint,
              clusterDomain: 'cluster.local',
              podCIDRs: ['10.244.0.0/16'],
            },
            ...{ proxyEnabled: true, proxyImage: `registry.k8s.io/kube-proxy:v${kubernetesVersion}`, proxyArgs: [] },
            ...{ coreDNSEnabled: true, coreDNSImage: 'registry.k8s.io/coredns/coredns:v1.14.6' },
            ...{ dnsServiceIP: '10.96.0.10', dnsServiceIPv6: '', flannelEnabled: true },
            ...{
              flannelImage: 'ghcr.io/siderolabs/flannel:v0.28.6',
              talosAPIServiceEnabled: false,
              cniName: 'flannel',
            },
          }),
        ]
      : []),
    ...(role === 'controlplane' ? components.flatMap(part => staticPod(name, part, kubernetesVersion, ready)) : []),
  ];
}

function staticPod(node: string, component: string, version: string, ready: boolean): Item[] {
  const status = ready ? 'True' : 'False';
  const conditions = ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(type => ({ type, status }));
  const spec = {
    containers: [{ name: component, image: `registry.k8s.io/${component}:v${version}` }],
    hostNetwork: true,
  };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: component, namespace: 'kube-system' }, spec };
  return [
    {
      type: 'StaticPodStatuses.kubernetes.talos.dev',
      id: `kube-system/${component}-${node}`,
      owner: 'k8s.KubeletStaticPodController',
      shape: { podStatus: [1, 'struct'] },
      spec: { podStatus: { phase: 'Running', conditions } },
      inline: 'podStatus',
    },
    {
      type: 'StaticPods.kubernetes.talos.dev',
      id: component,
      owner: 'k8s.ControlPlaneStaticPodController',
      shape: { pod: [1, 'struct'] },
      spec: { pod },
      inline: 'pod',
    },
  ];
}
