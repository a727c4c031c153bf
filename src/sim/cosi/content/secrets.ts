import type { NodeState } from '../../node.ts';
import type { PemPair } from '../../pki/authority.ts';
import { type Item, kind } from './item.ts';

const pair = { message: { crt: [1, 'bytes'], key: [2, 'bytes'] } } as const;
const certificates = { messages: { crt: [1, 'bytes'] } } as const;
const keys = { messages: { key: [1, 'bytes'] } } as const;

const osRoot = kind('OSRootSecrets.secrets.talos.dev', 'secrets.RootOSController', {
  issuingCA: [1, pair],
  acceptedCAs: [5, certificates],
  certSANIPs: [2, 'addresses'],
  certSANDNSNames: [3, 'strings'],
  token: [4, 'string'],
});
const kubernetesRoot = kind('KubernetesRootSecrets.secrets.talos.dev', 'secrets.RootKubernetesController', {
  name: [1, 'string'],
  endpoint: [2, 'url'],
  local_endpoint: [3, 'url'],
  certSANs: [4, 'strings'],
  apiServerIPs: [14, 'addresses'],
  dnsDomain: [6, 'string'],
  issuingCA: [7, pair],
  acceptedCAs: [15, certificates],
  aggregatorCA: [9, pair],
  acceptedAggregatorCAs: [17, certificates],
  serviceAccount: [8, { message: { key: [1, 'bytes'] } }],
  serviceAccountAcceptedKeys: [18, keys],
  issuerURL: [19, 'string'],
  bootstrapTokenID: [11, 'string'],
  bootstrapTokenSecret: [12, 'string'],
  secretboxEncryptionSecret: [13, 'string'],
});
const etcdRoot = kind('EtcdRootSecrets.secrets.talos.dev', 'secrets.RootEtcdController', { etcdCA: [1, pair] });

/** Root secrets of a control-plane node: what sensitive kinds are there to protect. A worker has its part of one. */
export function secretItems(node: NodeState): readonly Item[] {
  const { settings } = node;
  const { os, kubernetes, aggregator, etcd, machineToken, bootstrapToken, ...others } = node.cluster.secrets;
  const controlPlane = settings.role === 'controlplane';
  const osSpec = {
    // Without a key it issues nothing.
    issuingCA: controlPlane ? base64(os.pem) : null,
    acceptedCAs: [{ crt: base64(os.pem).crt }],
    certSANIPs: [settings.address],
    certSANDNSNames: [settings.name],
    token: machineToken,
  };
  if (!controlPlane) return [osRoot('os', osSpec)];
  const [tokenId = '', tokenSecret = ''] = bootstrapToken.split('.');
  const key = Buffer.from(others.serviceAccountKey).toString('base64');
  return [
    osRoot('os', osSpec),
    etcdRoot('etcd', { etcdCA: base64(etcd.pem) }),
    kubernetesRoot('k8s', {
      name: settings.cluster,
      endpoint: settings.kubernetesEndpoint,
      local_endpoint: 'https://localhost:7445',
      certSANs: [`${settings.cluster}.example`],
      apiServerIPs: ['10.96.0.1'],
      dnsDomain: 'cluster.local',
      issuingCA: base64(kubernetes.pem),
      acceptedCAs: [{ crt: base64(kubernetes.pem).crt }],
      aggregatorCA: base64(aggregator.pem),
      acceptedAggregatorCAs: [{ crt: base64(aggregator.pem).crt }],
      serviceAccount: { key },
      serviceAccountAcceptedKeys: [{ key }],
      issuerURL: settings.kubernetesEndpoint,
      acceptedIssuers: [],
      apiAudiences: [settings.kubernetesEndpoint],
      bootstrapTokenID: tokenId,
      bootstrapTokenSecret: tokenSecret,
      secretboxEncryptionSecret: others.secretboxKey,
    }),
  ];
}

function base64({ crt, key }: PemPair): { readonly crt: string; readonly key: string } {
  return { crt: Buffer.from(crt).toString('base64'), key: Buffer.from(key).toString('base64') };
}
