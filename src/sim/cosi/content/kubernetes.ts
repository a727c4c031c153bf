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

const components = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const;

/** Kubelet, and on control-plane nodes the static pods. */
export function kubernetesItems(node: NodeState): readonly Item[] {
  const { name, role, kubernetesVersion } = node.settings;
  const image = `ghcr.io/siderolabs/kubelet:v${kubernetesVersion}`;
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
