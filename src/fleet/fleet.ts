import { GateError } from '../core/gate-error.ts';
import type { Endpoint, Route, Target } from '../core/target.ts';
import {
  type ClusterSettings,
  type FleetSettings,
  fleetProblems,
  isControlPlane,
  type NodeSettings,
  spellingsOf,
} from './config.ts';
import { readNodeSpelling } from './node-names.ts';

/** What a call says about where it wants to go. Values as the caller wrote them; repeated headers were refused. */
export interface FleetAsk {
  /** Cluster name from the metadata key `context` or `cluster`. */
  readonly context: string | undefined;
  readonly node: string | undefined;
  /** Values of `nodes`, one per header field; empty when the key is absent. */
  readonly nodes: readonly string[];
}

export type FleetAnswer =
  | { readonly ok: true; readonly route: Route }
  /** `message` is safe to show and names the first thing that is unknown. */
  | { readonly ok: false; readonly message: string };

/** The nodes behind this gateway. Nothing outside it can be reached. */
export interface Fleet {
  resolve(ask: FleetAsk): FleetAnswer;
  /** The node that any of its spellings leads to; `asked` is `node` as given. */
  find(cluster: string, node: string): Target | undefined;
  /** Every node once, `asked` empty, in the order of the configuration. */
  readonly targets: readonly Target[];
}

/** Most entries that `nodes` may have in one call. */
export const maxNodesPerCall = 256;

/** Port of apid, talos pkg/machinery/constants ApidPort. */
const apidPort = 50_000;

interface Cluster {
  readonly name: string;
  readonly bySpelling: ReadonlyMap<string, Target>;
  /** Where calls go that name no node. */
  readonly controlPlane: Target | undefined;
  /** Answers by the caller's own spelling: parsing one costs more than everything else here. Bounded. */
  readonly asBefore: Map<string, Target>;
}

const mostRemembered = 4096;

/**
 * Makes the fleet from settings. Throws GateError `bad-config` when two nodes share a spelling, or any other thing
 * that `fleetProblems` finds.
 *
 * `nodes` wins over `node`, as in apid. A node that stands in `nodes` twice is called twice, as apid does; both
 * calls get the same decision, because both are the same target. One unknown node refuses the whole call.
 */
export function createFleet(settings: FleetSettings): Fleet {
  const problem = fleetProblems(settings)[0];
  if (problem !== undefined) {
    throw new GateError('bad-config', `${problem.path.join('.')}: ${problem.message}; ${problem.remedy}`);
  }
  const targets: Target[] = [];
  const clusters = new Map<string, Cluster>();
  for (const cluster of settings.clusters) {
    const built = buildCluster(cluster);
    clusters.set(cluster.name, built.cluster);
    targets.push(...built.targets);
  }
  const only = settings.clusters.length === 1 ? settings.clusters[0]?.name : undefined;
  const standard = settings.default_cluster ?? only;
  return {
    targets,
    find: (cluster, node) => {
      const found = clusters.get(cluster);
      const target = found === undefined ? undefined : lookUp(found, node);
      return typeof target === 'string' ? undefined : target;
    },
    resolve: ask => {
      const name = ask.context ?? standard;
      const cluster = name === undefined ? undefined : clusters.get(name);
      if (cluster !== undefined) return resolveIn(cluster, ask);
      return refuse(
        name === undefined
          ? 'several clusters are behind this gateway: set cluster in the talosconfig context'
          : `this gateway knows no cluster ${quote(name)}`,
      );
    },
  };
}

function buildCluster({ name, nodes, upstream }: ClusterSettings): {
  readonly cluster: Cluster;
  readonly targets: readonly Target[];
} {
  const bySpelling = new Map<string, Target>();
  const endpoints = upstream === 'direct' ? [] : nodes.filter(isControlPlane).map(node => buildTarget(name, node));
  const targets = nodes.map(node => {
    const target = withDetour(buildTarget(name, node), endpoints);
    for (const { text } of spellingsOf(node)) {
      const read = readNodeSpelling(text);
      if (read.ok) bySpelling.set(read.key, target);
    }
    return target;
  });
  const controlPlane = targets.find(isControlPlane);
  return { cluster: { name, bySpelling, controlPlane, asBefore: new Map() }, targets };
}

function buildTarget(cluster: string, node: NodeSettings): Target {
  const identities = [...node.addresses, node.name, ...node.aliases].flatMap(text => {
    const read = readNodeSpelling(text);
    return read.ok ? [read.key] : [];
  });
  const [host = node.name] = identities;
  return {
    cluster,
    node: node.name,
    dial: node.dial ?? `${host.includes(':') ? `[${host}]` : host}:${apidPort}`,
    identities: [...new Set(identities)],
    labels: node.labels,
    asked: '',
  };
}

/** Control-plane nodes are dialled in any case; going through another one would only add a way to fail. */
function withDetour(target: Target, endpoints: readonly Endpoint[]): Target {
  if (endpoints.length === 0 || isControlPlane(target)) return target;
  return { ...target, detour: { as: target.identities[0] ?? target.node, endpoints } };
}

function resolveIn(cluster: Cluster, ask: FleetAsk): FleetAnswer {
  if (ask.nodes.length > maxNodesPerCall) {
    return refuse(`${ask.nodes.length} nodes in one call, at most ${maxNodesPerCall} are accepted`);
  }
  if (ask.nodes.length > 0) {
    const targets: Target[] = [];
    for (const node of ask.nodes) {
      const target = lookUp(cluster, node);
      if (typeof target === 'string') return refuse(target);
      targets.push(target);
    }
    return { ok: true, route: { kind: 'aggregate', targets } };
  }
  if (ask.node === undefined) {
    if (cluster.controlPlane !== undefined) return single(cluster.controlPlane);
    return refuse(`cluster ${cluster.name} has no control-plane node to turn to: name a node`);
  }
  const target = lookUp(cluster, ask.node);
  return typeof target === 'string' ? refuse(target) : single(target);
}

/** The node, or what is wrong with its spelling. */
function lookUp(cluster: Cluster, asked: string): Target | string {
  const before = cluster.asBefore.get(asked);
  if (before !== undefined) return before;
  const read = readNodeSpelling(asked);
  if (!read.ok && read.problem === 'empty') return 'the name of a node is empty';
  if (!read.ok && read.problem === 'port') return `node ${quote(asked)}: name the node without a port`;
  if (!read.ok && read.problem === 'zone') return `node ${quote(asked)}: name the node without an IPv6 zone`;
  const target = read.ok ? cluster.bySpelling.get(read.key) : undefined;
  if (target === undefined) return `cluster ${cluster.name} has no node ${quote(asked)} behind this gateway`;
  if (cluster.asBefore.size >= mostRemembered) cluster.asBefore.clear();
  const found = { ...target, asked };
  cluster.asBefore.set(asked, found);
  return found;
}

function single(target: Target): FleetAnswer {
  return { ok: true, route: { kind: 'single', target } };
}

function refuse(message: string): FleetAnswer {
  return { ok: false, message };
}

/** What the caller wrote, short and without anything a terminal would act upon. */
function quote(text: string): string {
  return `"${text.slice(0, 100).replaceAll(/[^\x21-\x7e]/g, '?')}"`;
}
