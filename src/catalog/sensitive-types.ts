// Facts of Talos, read from `Sensitivity` in pkg/machinery/resources (v1.14.0-rc.1). The list is a floor: never take a
// type off it because a newer Talos does not mark it any more, older nodes still run.

/** COSI types that the node itself serves to os:admin only. All names end in `.talos.dev`. */
const sensitive = [
  'VolumeConfigs.block',
  'DiscoveryConfigs.cluster',
  'MachineConfigs.config',
  'CustomizationConfigs.cri',
  'RegistryConfigs.cri',
  'EtcFileSpecs.files',
  'APIServerConfigs.kubernetes',
  'AuditPolicyConfigs.kubernetes',
  'AuthenticationConfigs.kubernetes',
  'AuthorizationConfigs.kubernetes',
  'EtcdEncryptionConfigs.kubernetes',
  'KubeletConfigs.kubernetes',
  'KubeletSpecs.kubernetes',
  'NodeAnnotationSpecs.k8s',
  'NodeCordonedSpecs.k8s',
  'NodeLabelSpecs.k8s',
  'NodeTaintSpecs.k8s',
  'KubeSpanConfigs.kubespan',
  'KubeSpanIdentities.kubespan',
  'DeviceConfigSpecs.net',
  'LinkSpecs.net',
  'OperatorSpecs.net',
  'ExtensionServiceConfigs.runtime',
  'OOMActions',
  'ApiCertificates.secrets',
  'CertSANs.secrets',
  'EncryptionSalts.secrets',
  'EtcdSecrets.secrets',
  'EtcdRootSecrets.secrets',
  'KubeletSecrets.secrets',
  'KubernetesSecrets.secrets',
  'KubernetesDynamicCerts.secrets',
  'KubernetesRootSecrets.secrets',
  'MaintenanceRootSecrets.secrets',
  'OSRootSecrets.secrets',
  'TrustdCertificates.secrets',
  'SiderolinkConfigs.siderolink',
  'SiderolinkTunnels.siderolink',
];

/** Types that Talos does not mark but that often hold tokens: read like any other, worth a warning in a policy. */
const delicate = [
  'Manifests.kubernetes',
  'StaticPods.kubernetes',
  'MetaKeys.runtime',
  'UniqueMachineTokens.runtime',
  'PlatformConfigs.net',
  'KernelCmdlines.runtime',
  'Environments.runtime',
];

const fullNames = (names: readonly string[]): readonly string[] => names.map(name => `${name}.talos.dev`);

/** Full names of the types whose reading counts as `resource.get-sensitive`. */
export const sensitiveTypes: readonly string[] = fullNames(sensitive);

/** Full names of the types that policy lint should warn about when a broad rule lets them be read. */
export const delicateTypes: readonly string[] = fullNames(delicate);

/**
 * True for a sensitive type in any spelling: any case, singular, with part of its suffix or none, or its initials
 * (`mc`), as ResourceDefinitions derive aliases (cosi runtime pkg/resource/meta/spec, Fill). Stock talosctl sends full
 * names; the others are for clients that count on a node to resolve them. A type with characters that no type can have
 * is taken for sensitive too: case folding of letters outside ASCII differs between languages.
 */
export function isSensitiveType(type: string): boolean {
  return !/^[A-Za-z0-9.-]*$/.test(type) || spellings.has(type.toLowerCase());
}

const spellings: ReadonlySet<string> = new Set(sensitiveTypes.flatMap(spellingsOf));

function spellingsOf(type: string): string[] {
  const [plural = type, ...suffix] = type.split('.');
  const initials = plural.replace(/[^A-Z]/g, '');
  const stems = [plural, singular(plural), ...(initials.length > 1 ? [initials, `${initials}s`] : [])];
  return stems.flatMap(stem => {
    const dotted = [stem, ...suffix].map((_, count) => [stem, ...suffix.slice(0, count)].join('.'));
    return dotted.map(name => name.toLowerCase());
  });
}

function singular(plural: string): string {
  return plural.endsWith('ies') ? `${plural.slice(0, -3)}y` : plural.replace(/s$/, '');
}
