import type { DefinitionRow } from '../definition-row.ts';

/** Certificates and keys. Facts from talos pkg/machinery/resources of 1.14. */
export const secretsDefinitions: readonly DefinitionRow[] = [
  { type: 'ApiCertificates.secrets.talos.dev', namespace: 'secrets', display: 'ApiCertificate', sensitive: true },
  { type: 'CertSANs.secrets.talos.dev', namespace: 'secrets', display: 'CertSAN', sensitive: true },
  { type: 'EncryptionSalts.secrets.talos.dev', namespace: 'secrets', display: 'EncryptionSalt', sensitive: true },
  { type: 'EtcdRootSecrets.secrets.talos.dev', namespace: 'secrets', display: 'EtcdRootSecret', sensitive: true },
  { type: 'EtcdSecrets.secrets.talos.dev', namespace: 'secrets', display: 'EtcdSecret', sensitive: true },
  { type: 'KubeletSecrets.secrets.talos.dev', namespace: 'secrets', display: 'KubeletSecret', sensitive: true },
  {
    type: 'KubernetesDynamicCerts.secrets.talos.dev',
    namespace: 'secrets',
    display: 'KubernetesDynamicCert',
    sensitive: true,
  },
  {
    type: 'KubernetesRootSecrets.secrets.talos.dev',
    namespace: 'secrets',
    display: 'KubernetesRootSecret',
    sensitive: true,
  },
  { type: 'KubernetesSecrets.secrets.talos.dev', namespace: 'secrets', display: 'KubernetesSecret', sensitive: true },
  {
    type: 'MaintenanceRootSecrets.secrets.talos.dev',
    namespace: 'secrets',
    display: 'MaintenanceRootSecret',
    sensitive: true,
  },
  { type: 'OSRootSecrets.secrets.talos.dev', namespace: 'secrets', display: 'OSRootSecret', sensitive: true },
  { type: 'TrustdCertificates.secrets.talos.dev', namespace: 'secrets', display: 'TrustdCertificate', sensitive: true },
];
