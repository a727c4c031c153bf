// What of a machine configuration may be read by whoever reads the log. Everything that no line here names is shown as a
// digest only. Add a line for what can hold neither a secret nor a piece of free text; when in doubt, leave it out.

/** Paths as the redacted form spells them: `[]` any item of a list, `*` any key of a map, `**` anything below. */
const safe = `
version debug persist apiVersion kind name enabled
machine.type machine.certSANs[]
machine.install.disk machine.install.image machine.install.wipe machine.install.legacyBIOSSupport
machine.install.grubUseUKICmdline machine.install.diskSelector.** machine.install.extensions[].image
machine.network.hostname machine.network.nameservers[] machine.network.searchDomains[] machine.network.disableSearchDomain
machine.network.interfaces[].interface machine.network.interfaces[].dhcp machine.network.interfaces[].mtu
machine.network.interfaces[].addresses[] machine.network.interfaces[].cidr machine.network.interfaces[].ignore
machine.network.interfaces[].dummy machine.network.interfaces[].routes[].** machine.network.interfaces[].bond.**
machine.network.interfaces[].bridge.** machine.network.interfaces[].deviceSelector.** machine.network.interfaces[].vip.ip
machine.network.interfaces[].vlans[].vlanId machine.network.interfaces[].vlans[].addresses[]
machine.network.interfaces[].vlans[].dhcp machine.network.interfaces[].vlans[].mtu
machine.network.interfaces[].vlans[].routes[].**
machine.network.interfaces[].wireguard.listenPort machine.network.interfaces[].wireguard.firewallMark
machine.network.interfaces[].wireguard.peers[].publicKey machine.network.interfaces[].wireguard.peers[].allowedIPs[]
machine.network.interfaces[].wireguard.peers[].persistentKeepaliveInterval
machine.network.extraHostEntries[].ip machine.network.extraHostEntries[].aliases[] machine.network.kubespan.enabled
machine.network.kubespan.advertiseKubernetesNetworks machine.network.kubespan.allowDownPeerBypass
machine.network.kubespan.harvestExtraEndpoints machine.network.kubespan.mtu
machine.kubelet.image machine.kubelet.clusterDNS[] machine.kubelet.disableManifestsDirectory
machine.kubelet.defaultRuntimeSeccompProfileEnabled machine.kubelet.registerWithFQDN machine.kubelet.skipNodeRegistration
machine.kubelet.nodeIP.validSubnets[] machine.kubelet.extraMounts[].destination machine.kubelet.extraMounts[].source
machine.kubelet.extraMounts[].type machine.kubelet.extraMounts[].options[]
machine.time.disabled machine.time.servers[] machine.time.bootTimeout machine.sysctls.* machine.sysfs.*
machine.features.rbac machine.features.stableHostname machine.features.apidCheckExtKeyUsage
machine.features.diskQuotaSupport machine.features.kubePrism.enabled machine.features.kubePrism.port
machine.features.hostDNS.enabled machine.features.hostDNS.forwardKubeDNSToHost
machine.features.hostDNS.resolveMemberNames machine.features.kubernetesTalosAPIAccess.enabled
machine.features.kubernetesTalosAPIAccess.allowedRoles[]
machine.features.kubernetesTalosAPIAccess.allowedKubernetesNamespaces[] machine.features.imageCache.localEnabled
machine.features.nodeAddressSortAlgorithm machine.kernel.modules[].name machine.seccompProfiles[].name
machine.nodeLabels.* machine.nodeTaints.* machine.logging.destinations[].format
machine.disks[].device machine.disks[].partitions[].size machine.disks[].partitions[].mountpoint
machine.systemDiskEncryption.*.provider machine.systemDiskEncryption.*.cipher
machine.systemDiskEncryption.*.keySize machine.systemDiskEncryption.*.blockSize
machine.systemDiskEncryption.*.options[] machine.systemDiskEncryption.*.keys[].slot
machine.systemDiskEncryption.*.keys[].tpm.checkSecurebootStatusOnEnroll
machine.registries.mirrors.*.overridePath machine.registries.mirrors.*.skipFallback
machine.registries.config.*.tls.insecureSkipVerify
machine.files[].path machine.files[].permissions machine.files[].op
cluster.clusterName cluster.controlPlane.localAPIServerPort cluster.network.cni.name cluster.network.dnsDomain
cluster.network.podSubnets[] cluster.network.serviceSubnets[] cluster.apiServer.image cluster.apiServer.certSANs[]
cluster.apiServer.disablePodSecurityPolicy cluster.controllerManager.image cluster.scheduler.image cluster.proxy.image
cluster.proxy.disabled cluster.proxy.mode cluster.discovery.enabled cluster.discovery.registries.kubernetes.disabled
cluster.discovery.registries.service.disabled cluster.etcd.image cluster.etcd.subnet cluster.etcd.advertisedSubnets[]
cluster.etcd.listenSubnets[] cluster.coreDNS.disabled cluster.coreDNS.image cluster.externalCloudProvider.enabled
cluster.adminKubeconfig.certLifetime cluster.allowSchedulingOnControlPlanes cluster.allowSchedulingOnMasters
cluster.inlineManifests[].name
HostnameConfig.hostname HostnameConfig.auto LinkConfig.up LinkConfig.mtu LinkConfig.addresses[].** LinkConfig.routes[].**
ResolverConfig.nameservers[].address ResolverConfig.searchDomains.** TimeSyncConfig.enabled TimeSyncConfig.ntp.servers[]
VolumeConfig.provisioning.** UserVolumeConfig.provisioning.** UserVolumeConfig.filesystem.type RawVolumeConfig.provisioning.**
SwapVolumeConfig.provisioning.** ExistingVolumeConfig.discovery.** NetworkDefaultActionConfig.ingress
NetworkRuleConfig.portSelector.** NetworkRuleConfig.ingress[].** WatchdogTimerConfig.device WatchdogTimerConfig.timeout
WireguardConfig.listenPort WireguardConfig.peers[].publicKey WireguardConfig.peers[].allowedIPs[]
`;

/** Maps whose keys are names that people chose, and that say what was changed. Their values are digests unless safe above. */
const named = `
machine.env.* machine.nodeLabels.* machine.nodeAnnotations.* machine.nodeTaints.* machine.sysctls.* machine.sysfs.*
machine.registries.mirrors.* machine.registries.config.* machine.kubelet.extraArgs.* machine.systemDiskEncryption.*
cluster.apiServer.extraArgs.* cluster.apiServer.env.* cluster.controllerManager.extraArgs.* cluster.controllerManager.env.*
cluster.scheduler.extraArgs.* cluster.scheduler.env.* cluster.proxy.extraArgs.* cluster.etcd.extraArgs.*
`;

/** Further words of the schema of Talos: keys that may be shown where the value is a digest. */
const words = `
ca crt key token secret id cluster machine aescbcEncryptionSecret secretboxEncryptionSecret aggregatorCA serviceAccount etcd
acceptedCAs endpoint controlPlane bootloader extraKernelArgs extensions wireguard privateKey presharedKey peers vip hcloud
equinixMetal apiToken extraArgs extraConfig credentialProviderConfig extraVolumes extraManifests extraManifestHeaders
inlineManifests contents content files env pods registries mirrors config endpoints auth username password identityToken
tls clientIdentity static passphrase nodeID kms tpm luks2 keys slot encryption provider state ephemeral logging destinations
url extraTags udev rules kernel modules parameters seccompProfiles value nodeAnnotations baseRuntimeSpecOverrides
authorizationConfig authentication auditPolicy admissionControl configuration apiServer controllerManager scheduler proxy
network cni urls discovery service externalCloudProvider manifests install kubelet features time disks partitions
systemDiskEncryption kubespan interfaces vlans routes sysctls sysfs dhcpOptions environment configFiles mountPath
extraFiles trustdCA certificates apiUrl sideroLink uniqueToken kmsgLog
`;

const safeTree = compile(safe);
const namedTree = compile(named);
const knownWords: ReadonlySet<string> = new Set(`${safe} ${named} ${words}`.split(/[\s.*[\]]+/));

/** True for a path (list indexes as `[]`, keys of maps as they are) whose value may be shown. */
export function isSafePath(segments: readonly string[]): boolean {
  return matches(safeTree, segments, 0);
}

/** True when the last of these segments, a key, may be shown. */
export function isShownKey(segments: readonly string[]): boolean {
  const key = segments.at(-1) ?? '';
  if (knownWords.has(key)) return true;
  return key.length <= 253 && (matches(namedTree, segments, 0) || matches(safeTree, segments, 0));
}

interface Tree {
  readonly next: Map<string, Tree>;
  end: boolean;
}

function compile(text: string): Tree {
  const root: Tree = { next: new Map(), end: false };
  for (const path of text.split(/\s+/)) {
    if (path === '') continue;
    let at = root;
    for (const segment of path.replaceAll('[]', '.[]').split('.')) {
      const next = at.next.get(segment) ?? { next: new Map<string, Tree>(), end: false };
      at.next.set(segment, next);
      at = next;
    }
    at.end = true;
  }
  return root;
}

function matches(tree: Tree, segments: readonly string[], at: number): boolean {
  if (tree.next.has('**') && at < segments.length) return true;
  const segment = segments[at];
  if (segment === undefined) return tree.end;
  const exact = tree.next.get(segment);
  if (exact !== undefined && matches(exact, segments, at + 1)) return true;
  const any = segment === '[]' ? undefined : tree.next.get('*');
  return any !== undefined && matches(any, segments, at + 1);
}
