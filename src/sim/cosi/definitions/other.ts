import type { DefinitionRow } from '../definition-row.ts';

/** Cluster, configuration, etcd and the rest. Facts from talos pkg/machinery/resources of 1.14. */
export const otherDefinitions: readonly DefinitionRow[] = [
  {
    type: 'Affiliates.cluster.talos.dev',
    namespace: 'cluster',
    display: 'Affiliate',
    columns: [
      ['Hostname', '{.hostname}'],
      ['Machine Type', '{.machineType}'],
      ['Addresses', '{.addresses}'],
    ],
  },
  { type: 'DiscoveryConfigs.cluster.talos.dev', namespace: 'config', display: 'DiscoveryConfig', sensitive: true },
  { type: 'EtcdConfigs.etcd.talos.dev', namespace: 'etcd', display: 'EtcdConfig', columns: [['Image', '{.image}']] },
  {
    type: 'EtcdMembers.etcd.talos.dev',
    namespace: 'etcd',
    display: 'EtcdMember',
    columns: [['Member ID', '{.memberID}']],
  },
  {
    type: 'EtcdSpecs.etcd.talos.dev',
    namespace: 'etcd',
    display: 'EtcdSpec',
    columns: [
      ['Name', '{.name}'],
      ['AdvertisedAddresses', '{.advertisedAddresses}'],
      ['ListenPeerAddresses', '{.listenPeerAddresses}'],
      ['ListenClientAddresses', '{.listenClientAddresses}'],
    ],
  },
  { type: 'Identities.cluster.talos.dev', namespace: 'cluster', display: 'Identity', columns: [['ID', '{.nodeId}']] },
  {
    type: 'ImageVerificationRules.security.talos.dev',
    namespace: 'security',
    display: 'ImageVerificationRule',
    columns: [
      ['Pattern', '{.imagePattern}'],
      ['Skip', '{.skip}'],
      ['Deny', '{.deny}'],
    ],
  },
  {
    type: 'Infos.cluster.talos.dev',
    namespace: 'cluster',
    display: 'Info',
    columns: [
      ['Cluster ID', '{.clusterId}'],
      ['Cluster Name', '{.clusterName}'],
    ],
  },
  { type: 'KubeSpanConfigs.kubespan.talos.dev', namespace: 'config', display: 'KubeSpanConfig', sensitive: true },
  {
    type: 'KubeSpanEndpoints.kubespan.talos.dev',
    namespace: 'kubespan',
    display: 'KubeSpanEndpoint',
    columns: [
      ['Endpoint', '{.endpoint}'],
      ['Affiliate ID', '{.affiliateID}'],
    ],
  },
  {
    type: 'KubeSpanIdentities.kubespan.talos.dev',
    namespace: 'kubespan',
    display: 'KubeSpanIdentity',
    columns: [
      ['Address', '{.address}'],
      ['PublicKey', '{.publicKey}'],
    ],
    sensitive: true,
  },
  {
    type: 'KubeSpanPeerSpecs.kubespan.talos.dev',
    namespace: 'kubespan',
    display: 'KubeSpanPeerSpec',
    columns: [
      ['Label', '{.label}'],
      ['Endpoints', '{.endpoints}'],
    ],
  },
  {
    type: 'KubeSpanPeerStatuses.kubespan.talos.dev',
    namespace: 'kubespan',
    display: 'KubeSpanPeerStatus',
    columns: [
      ['Label', '{.label}'],
      ['Endpoint', '{.endpoint}'],
      ['State', '{.state}'],
      ['Rx', '{.receiveBytes}'],
      ['Tx', '{.transmitBytes}'],
    ],
  },
  { type: 'KubernetesAccessConfigs.cluster.talos.dev', namespace: 'config', display: 'KubernetesAccessConfig' },
  { type: 'MachineConfigs.config.talos.dev', namespace: 'config', display: 'MachineConfig', sensitive: true },
  { type: 'MachineTypes.config.talos.dev', namespace: 'config', display: 'MachineType', columns: [['Type', '{@}']] },
  {
    type: 'Members.cluster.talos.dev',
    namespace: 'cluster',
    display: 'Member',
    columns: [
      ['Hostname', '{.hostname}'],
      ['Machine Type', '{.machineType}'],
      ['OS', '{.operatingSystem}'],
      ['Addresses', '{.addresses}'],
    ],
  },
  {
    type: 'PKIStatuses.etcd.talos.dev',
    namespace: 'etcd',
    display: 'PKIStatus',
    columns: [
      ['Ready', '{.ready}'],
      ['Secrets Version', '{.version}'],
    ],
  },
  {
    type: 'SiderolinkConfigs.siderolink.talos.dev',
    namespace: 'config',
    display: 'SiderolinkConfig',
    columns: [
      ['API Endpoint', '{.apiEndpoint}'],
      ['Tunnel', '{.tunnel}'],
    ],
    sensitive: true,
  },
  {
    type: 'SiderolinkStatuses.siderolink.talos.dev',
    namespace: 'config',
    display: 'SiderolinkStatus',
    columns: [
      ['Host', '{.host}'],
      ['Connected', '{.connected}'],
    ],
  },
  {
    type: 'SiderolinkTunnels.siderolink.talos.dev',
    namespace: 'config',
    display: 'SiderolinkTunnel',
    columns: [
      ['API Endpoint', '{.apiEndpoint}'],
      ['Link name', '{.linkName}'],
      ['MTU', '{.mtu}'],
      ['Node address', '{.nodeAddress}'],
    ],
    sensitive: true,
  },
  {
    type: 'TUFTrustedRoots.security.talos.dev',
    namespace: 'security',
    display: 'TUFTrustedRoot',
    columns: [['Last Refresh', '{.lastRefreshTime}']],
  },
];
