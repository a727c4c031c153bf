import Type from 'typebox';
import { addressNotation, durationNotation, pathNotation, type SettingsProblem } from '../core/settings.ts';
import { readNodeSpelling } from './node-names.ts';

/** Cluster and node names stand in policy rules and audit filters: no blanks, no glob signs, no `-` alone. */
const plainName = {
  pattern: '^[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?$',
  'x-remedy': 'use lower-case letters, digits, dots, dashes and underscores, first and last a letter or digit',
} as const;

/** What the name of a node or cluster looks like. */
export const plainNodeName = new RegExp(plainName.pattern);

const spelling = Type.String({ minLength: 1, maxLength: 255 });

function labels(description: string) {
  return Type.Record(
    Type.String({ pattern: '^[A-Za-z0-9._/-]{1,253}$' }),
    Type.String({ maxLength: 253, pattern: '^[A-Za-z0-9._-]*$' }),
    { default: {}, additionalProperties: false, description },
  );
}

export const NodeSettings = Type.Object(
  {
    name: Type.String({ ...plainName, description: 'Name of the node in rules, records and answers.' }),
    addresses: Type.Array(spelling, {
      default: [],
      description: 'IP addresses of the node; the first one is dialled.',
    }),
    aliases: Type.Array(spelling, {
      default: [],
      description: 'Other names that lead to this node, such as its FQDN.',
    }),
    dial: Type.Optional(
      Type.Unsafe<string>({
        ...addressNotation,
        description: 'Where to reach the node, when that is not its first address (or name) and port 50000.',
      }),
    ),
    labels: labels('Labels for node selectors in rules. role: controlplane marks the control plane.'),
  },
  { additionalProperties: false },
);
export type NodeSettings = Type.Static<typeof NodeSettings>;

const DiscoverySettings = Type.Object(
  {
    interval: Type.Unsafe<number>({
      ...durationNotation,
      default: '1m',
      description: 'How often the cluster is asked for its members.',
    }),
    keep: Type.Unsafe<number>({
      ...durationNotation,
      default: '0s',
      description: 'How long a member that the cluster no longer tells of can still be reached.',
    }),
    labels: labels('Labels of members that the configuration does not list; the cluster adds role.'),
  },
  {
    additionalProperties: false,
    description: 'Members that the cluster tells of can be reached too. Without this section, nobody is asked.',
  },
);

export const ClusterSettings = Type.Object(
  {
    name: Type.String({
      ...plainName,
      description: 'Name of the cluster; callers choose it as cluster in talosconfig.',
    }),
    talos_ca: Type.Unsafe<string>({ ...pathNotation, description: 'CA certificate of the Talos API of this cluster.' }),
    client_certificate: Type.Unsafe<string>({
      ...pathNotation,
      description: 'Certificate with which the gateway calls the nodes; role os:impersonator.',
    }),
    client_key: Type.Unsafe<string>({ ...pathNotation, description: 'Key of client_certificate.' }),
    upstream: Type.Enum(['direct', 'control-plane'], {
      default: 'direct',
      description:
        'direct dials each node; control-plane dials the nodes with the label role: controlplane, which pass calls on.',
    }),
    discovery: Type.Optional(DiscoverySettings),
    nodes: Type.Array(NodeSettings, {
      minItems: 1,
      description: 'The nodes that can be reached; without discovery no others can.',
    }),
  },
  { additionalProperties: false },
);
export type ClusterSettings = Type.Static<typeof ClusterSettings>;

/** Fragments `clusters` and `default_cluster` of the configuration file. */
export const FleetSettings = Type.Object(
  {
    clusters: Type.Array(ClusterSettings, { minItems: 1, description: 'The Talos clusters behind this gateway.' }),
    default_cluster: Type.Optional(
      Type.String({ description: 'Cluster of callers that name none; needed with more than one cluster.' }),
    ),
  },
  { additionalProperties: false },
);
export type FleetSettings = Type.Static<typeof FleetSettings>;

/** True for the nodes that calls go to which name no node, and that pass calls on to others. */
export function isControlPlane({ labels }: Pick<NodeSettings, 'labels'>): boolean {
  return labels['role'] === 'controlplane';
}

/** Every spelling that a node is configured with: its name, addresses and aliases, and where each stands. */
export function spellingsOf(
  node: NodeSettings,
): readonly { readonly text: string; readonly path: readonly (string | number)[] }[] {
  return [
    { text: node.name, path: ['name'] },
    ...node.addresses.map((text, index) => ({ text, path: ['addresses', index] })),
    ...node.aliases.map((text, index) => ({ text, path: ['aliases', index] })),
  ];
}

const leastIntervalMs = 1000;

/** What the schema cannot say: one spelling for two nodes, one name for two clusters, addresses that are none. */
export function fleetProblems(settings: FleetSettings): SettingsProblem[] {
  const problems: SettingsProblem[] = [];
  const clusters = new Set<string>();
  settings.clusters.forEach((cluster, index) => {
    if (cluster.discovery !== undefined && cluster.discovery.interval < leastIntervalMs) {
      problems.push({
        path: ['clusters', index, 'discovery', 'interval'],
        message: 'asking for members so often would be a burden to the nodes',
        remedy: 'write 1s or more; a minute is enough for most',
      });
    }
    if (clusters.has(cluster.name)) {
      problems.push({
        path: ['clusters', index, 'name'],
        message: `there are two clusters named ${cluster.name}`,
        remedy: 'give each cluster a name of its own',
      });
    }
    clusters.add(cluster.name);
    problems.push(...clusterProblems(cluster, ['clusters', index, 'nodes']));
    if (cluster.upstream === 'control-plane' && !cluster.nodes.some(isControlPlane)) {
      problems.push({
        path: ['clusters', index, 'upstream'],
        message: `cluster ${cluster.name} has no control-plane node that could pass calls on`,
        remedy: 'give at least one node the label role: controlplane, or write direct',
      });
    }
  });
  if (settings.default_cluster !== undefined && !clusters.has(settings.default_cluster)) {
    problems.push({
      path: ['default_cluster'],
      message: `there is no cluster named ${settings.default_cluster}`,
      remedy: `name one of: ${[...clusters].join(', ')}`,
    });
  }
  return problems;
}

function clusterProblems(cluster: ClusterSettings, root: readonly (string | number)[]): SettingsProblem[] {
  const problems: SettingsProblem[] = [];
  const owners = new Map<string, { readonly node: string; readonly index: number }>();
  cluster.nodes.forEach((node, index) => {
    for (const { text, path } of spellingsOf(node)) {
      const at = [...root, index, ...path];
      const read = readNodeSpelling(text);
      const isAddress = read.ok && read.kind !== 'name';
      if (!read.ok || (path[0] === 'addresses' && !isAddress)) {
        problems.push({ path: at, message: `${text} is not ${wanted(path[0])}`, remedy: remedyFor(path[0]) });
        continue;
      }
      const owner = owners.get(read.key);
      if (owner !== undefined && owner.index !== index) {
        problems.push({
          path: at,
          message: `${text} would mean both node ${owner.node} and node ${node.name}`,
          remedy: 'a name or address may belong to one node of a cluster only; remove it from one of them',
        });
      }
      owners.set(read.key, owner ?? { node: node.name, index });
    }
  });
  return problems;
}

const wanted = (part: string | number | undefined) =>
  part === 'addresses' ? 'an IP address' : 'a name or address of a node';

const remedyFor = (part: string | number | undefined) =>
  part === 'addresses'
    ? 'write an IPv4 or IPv6 address without port and zone; names go under aliases, another port under dial'
    : 'write a DNS name or an IP address without port and zone; another port goes under dial';
