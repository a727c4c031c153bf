import type { DefinitionRow } from './definition-row.ts';
import { blockDefinitions } from './definitions/block.ts';
import { kubernetesDefinitions } from './definitions/kubernetes.ts';
import { networkDefinitions } from './definitions/network.ts';
import { otherDefinitions } from './definitions/other.ts';
import { runtimeDefinitions } from './definitions/runtime.ts';
import { secretsDefinitions } from './definitions/secrets.ts';
import { storageDefinitions } from './definitions/storage.ts';

/** A row with what follows from it. */
export interface Definition extends Required<Pick<DefinitionRow, 'type' | 'namespace' | 'display' | 'columns'>> {
  /** Lower-case type; the id of the definition's own resource. */
  readonly id: string;
  readonly sensitive: boolean;
  readonly aliases: readonly string[];
  /** Aliases, and the type cut off at each dot. */
  readonly allAliases: readonly string[];
}

const meta: readonly DefinitionRow[] = [
  {
    type: 'Namespaces.meta.cosi.dev',
    namespace: 'meta',
    display: 'Namespace',
    aliases: ['ns'],
    columns: [['Description', '{.description}']],
  },
  {
    type: 'ResourceDefinitions.meta.cosi.dev',
    namespace: 'meta',
    display: 'ResourceDefinition',
    aliases: ['api-resources'],
    columns: [['Aliases', '{.aliases[:]}']],
  },
];

/** Every kind of resource by lower-case type, which is how the node looks them up. */
export const definitions: ReadonlyMap<string, Definition> = new Map(
  [
    ...meta,
    ...blockDefinitions,
    ...kubernetesDefinitions,
    ...networkDefinitions,
    ...otherDefinitions,
    ...runtimeDefinitions,
    ...secretsDefinitions,
    ...storageDefinitions,
  ]
    .map(complete)
    .map(definition => [definition.id, definition]),
);

/** Namespaces that exist on a node, with the descriptions it gives them. */
export const namespaces: ReadonlyMap<string, string> = new Map([
  ['meta', 'Metadata namespace which contains resource and namespace definitions.'],
  ['runtime', 'Talos v1alpha1 subsystems glue resources.'],
  ['cluster', 'Cluster configuration and discovery resources.'],
  ['cluster-raw', 'Cluster unmerged raw resources.'],
  ['config', 'Talos node configuration.'],
  ['etcd', 'etcd resources.'],
  ['files', 'Files and file-like resources.'],
  ['hardware', 'Hardware resources.'],
  ['k8s', 'Kubernetes all node types resources.'],
  ['controlplane', 'Kubernetes control plane resources.'],
  ['kubespan', 'KubeSpan resources.'],
  ['network', 'Networking resources.'],
  ['network-config', 'Networking configuration resources.'],
  ['cri', 'CRI Seccomp resources.'],
  ['containers', 'Talos-managed container resources.'],
  ['secrets', 'Resources with secret material.'],
  ['security', 'Security resources.'],
  ['perf', 'Stats resources.'],
  ['storage', 'Storage resources.'],
]);

function complete(row: DefinitionRow): Definition {
  const { type, namespace, display } = row;
  const id = type.toLowerCase();
  const parts = id.split('.');
  const aliases = row.onlyAliases ?? [...(row.aliases ?? []), ...derived(display)];
  const cut =
    row.onlyAliases === undefined ? parts.slice(1).map((_part, index) => parts.slice(0, index + 1).join('.')) : [];
  return {
    ...{ type, namespace, display, id, aliases },
    allAliases: [...cut, ...aliases],
    columns: row.columns ?? [],
    sensitive: row.sensitive === true,
  };
}

/** The display name in lower case, and its initials with their plural where there are at least two. */
function derived(display: string): string[] {
  const initials = display.replaceAll(/[^A-Z]/g, '').toLowerCase();
  if (initials.length < 2) return [display.toLowerCase()];
  return [display.toLowerCase(), initials, ...(initials.endsWith('s') ? [] : [`${initials}s`])];
}
