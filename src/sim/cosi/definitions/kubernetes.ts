import type { DefinitionRow } from '../definition-row.ts';

/** Kubelet, static pods and the control plane. Facts from talos pkg/machinery/resources of 1.14. */
export const kubernetesDefinitions: readonly DefinitionRow[] = [
  {
    type: 'APIServerConfigs.kubernetes.talos.dev',
    namespace: 'controlplane',
    display: 'APIServerConfig',
    sensitive: true,
  },
  {
    type: 'AdmissionControlConfigs.kubernetes.talos.dev',
    namespace: 'controlplane',
    display: 'AdmissionControlConfig',
  },
  {
    type: 'AuditPolicyConfigs.kubernetes.talos.dev',
    namespace: 'controlplane',
    display: 'AuditPolicyConfig',
    sensitive: true,
  },
  {
    type: 'AuthenticationConfigs.kubernetes.talos.dev',
    namespace: 'controlplane',
    display: 'AuthenticationConfig',
    sensitive: true,
  },
  {
    type: 'AuthorizationConfigs.kubernetes.talos.dev',
    namespace: 'controlplane',
    display: 'AuthorizationConfig',
    sensitive: true,
  },
  {
    type: 'BootstrapManifestsConfigs.kubernetes.talos.dev',
    namespace: 'controlplane',
    display: 'BootstrapManifestsConfig',
  },
  {
    type: 'ConfigStatuses.kubernetes.talos.dev',
    namespace: 'controlplane',
    display: 'ConfigStatus',
    columns: [
      ['Ready', '{.ready}'],
      ['Secrets Version', '{.version}'],
    ],
  },
  {
    type: 'ControllerManagerConfigs.kubernetes.talos.dev',
    namespace: 'controlplane',
    display: 'ControllerManagerConfig',
  },
  {
    type: 'Endpoints.kubernetes.talos.dev',
    namespace: 'controlplane',
    display: 'Endpoint',
    columns: [
      ['Addresses', '{.addresses}'],
      ['Hosts', '{.hosts}'],
    ],
  },
  {
    type: 'EtcdEncryptionConfigs.kubernetes.talos.dev',
    namespace: 'k8s',
    display: 'EtcdEncryptionConfig',
    sensitive: true,
  },
  { type: 'ExtraManifestsConfigs.kubernetes.talos.dev', namespace: 'controlplane', display: 'ExtraManifestsConfig' },
  {
    type: 'KubePrismConfigs.kubernetes.talos.dev',
    namespace: 'k8s',
    display: 'KubePrismConfig',
    columns: [
      ['Host', '{.host}'],
      ['Port', '{.port}'],
      ['Endpoints', '{.endpoints}'],
    ],
  },
  {
    type: 'KubePrismEndpoints.kubernetes.talos.dev',
    namespace: 'k8s',
    display: 'KubePrismEndpoint',
    columns: [
      ['Hosts', '{.endpoints[*].host}'],
      ['Ports', '{.endpoints[*].port}'],
    ],
  },
  {
    type: 'KubePrismStatuses.kubernetes.talos.dev',
    namespace: 'k8s',
    display: 'KubePrismStatus',
    columns: [
      ['HOST', '{.host}'],
      ['HEALTHY', '{.healthy}'],
    ],
  },
  { type: 'KubeletConfigs.kubernetes.talos.dev', namespace: 'k8s', display: 'KubeletConfig', sensitive: true },
  {
    type: 'KubeletKubeconfigs.kubernetes.talos.dev',
    namespace: 'k8s',
    display: 'KubeletKubeconfig',
    columns: [['Hash', '{.hash}']],
  },
  { type: 'KubeletLifecycles.kubernetes.talos.dev', namespace: 'k8s', display: 'KubeletLifecycle' },
  { type: 'KubeletSpecs.kubernetes.talos.dev', namespace: 'k8s', display: 'KubeletSpec', sensitive: true },
  {
    type: 'KubeletStatuses.kubernetes.talos.dev',
    namespace: 'k8s',
    display: 'KubeletStatus',
    columns: [['Image', '{.image}']],
  },
  { type: 'ManifestStatuses.kubernetes.talos.dev', namespace: 'controlplane', display: 'ManifestStatus' },
  { type: 'Manifests.kubernetes.talos.dev', namespace: 'controlplane', display: 'Manifest' },
  {
    type: 'NodeAnnotationSpecs.k8s.talos.dev',
    namespace: 'k8s',
    display: 'NodeAnnotationSpec',
    columns: [['Value', '{.value}']],
    sensitive: true,
  },
  { type: 'NodeCordonedSpecs.k8s.talos.dev', namespace: 'k8s', display: 'NodeCordonedSpec', sensitive: true },
  { type: 'NodeIPConfigs.kubernetes.talos.dev', namespace: 'k8s', display: 'NodeIPConfig' },
  { type: 'NodeIPs.kubernetes.talos.dev', namespace: 'k8s', display: 'NodeIP' },
  {
    type: 'NodeLabelSpecs.k8s.talos.dev',
    namespace: 'k8s',
    display: 'NodeLabelSpec',
    columns: [['Value', '{.value}']],
    sensitive: true,
  },
  {
    type: 'NodeStatuses.kubernetes.talos.dev',
    namespace: 'k8s',
    display: 'NodeStatus',
    columns: [
      ['Ready', '{.nodeReady}'],
      ['Unschedulable', '{.unschedulable}'],
    ],
  },
  {
    type: 'NodeTaintSpecs.k8s.talos.dev',
    namespace: 'k8s',
    display: 'NodeTaintSpec',
    columns: [
      ['Effect', '{.effect}'],
      ['Value', '{.value}'],
    ],
    sensitive: true,
  },
  {
    type: 'Nodenames.kubernetes.talos.dev',
    namespace: 'k8s',
    display: 'Nodename',
    columns: [['Nodename', '{.nodename}']],
  },
  { type: 'SchedulerConfigs.kubernetes.talos.dev', namespace: 'controlplane', display: 'SchedulerConfig' },
  {
    type: 'SecretStatuses.kubernetes.talos.dev',
    namespace: 'controlplane',
    display: 'SecretStatus',
    columns: [
      ['Ready', '{.ready}'],
      ['Secrets Version', '{.version}'],
    ],
  },
  { type: 'StaticPodServerStatuses.kubernetes.talos.dev', namespace: 'k8s', display: 'StaticPodServerStatus' },
  {
    type: 'StaticPodStatuses.kubernetes.talos.dev',
    namespace: 'k8s',
    display: 'StaticPodStatus',
    aliases: ['podstatus'],
    columns: [['Ready', '{.conditions[?(@.type=="Ready")].status}']],
  },
  { type: 'StaticPods.kubernetes.talos.dev', namespace: 'k8s', display: 'StaticPod' },
];
