import { GateError } from '../core/gate-error.ts';
import type { Endpoint, Route, Target, UnknownNode } from '../core/target.ts';
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
  /** Every node once, `asked` empty: the configured ones in their order, then those that clusters told of. */
  readonly targets: readonly Target[];
  /**
   * What it would mean that these are the nodes which a cluster told of, beside the configured ones. Nothing is different
   * before `apply` is called. Throws GateError `bad-config` when two nodes share a spelling.
   */
  discover(cluster: string, nodes: readonly NodeSettings[]): FleetUpdate;
}

/** A step of the fleet that can be recorded before it is taken. */
export interface FleetUpdate {
  /** undefined: nothing changes. */
  readonly change: FleetChange | undefined;
  apply(): void;
}

/** Names of nodes that a cluster told of, and no longer told of, or told something else of than before. */
export interface FleetChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

/** Most entries that `nodes` may have in one call. */
export const maxNodesPerCall = 256;

/** Port of apid, talos pkg/machinery/constants ApidPort. */
const apidPort = 50_000;

interface Cluster {
  readonly name: string;
  readonly settings: ClusterSettings;
  /** Beyond the configured ones. */
  readonly discovered: readonly NodeSettings[];
  readonly targets: readonly Target[];
  readonly bySpelling: ReadonlyMap<string, Target>;
  /** Where calls go that name no node: a configured one, for what a cluster says of itself is not taken for that. */
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
 * calls get the same decision, because both are the same target. A node that is unknown among others that are not stands in
 * the route as such; a spelling that is none (a port, a zone) refuses the whole call, as apid does.
 */
export function createFleet(settings: FleetSettings): Fleet {
  const problem = fleetProblems(settings)[0];
  if (problem !== undefined) {
    throw new GateError('bad-config', `${problem.path.join('.')}: ${problem.message}; ${problem.remedy}`);
  }
  const clusters = new Map(settings.clusters.map(cluster => [cluster.name, buildCluster(cluster, [])]));
  const only = settings.clusters.length === 1 ? settings.clusters[0]?.name : undefined;
  const standard = settings.default_cluster ?? only;
  return {
    get targets() {
      return [...clusters.values()].flatMap(cluster => cluster.targets);
    },
    discover: (name, nodes) => {
      const before = clusters.get(name);
      if (before === undefined) throw new GateError('unknown-target', `cluster ${name} is not configured`);
      const cluster = { ...before.settings, nodes: [...before.settings.nodes, ...nodes] };
      const trouble = fleetProblems({ clusters: [cluster] })[0];
      if (trouble !== undefined) throw new GateError('bad-config', `members of ${name}: ${trouble.message}`);
      const after = buildCluster(before.settings, nodes);
      return {
        change: changeOf(before.discovered, nodes),
        apply: () => {
          clusters.set(name, after);
        },
      };
    },
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

function buildCluster(settings: ClusterSettings, discovered: readonly NodeSettings[]): Cluster {
  const { name, nodes, upstream } = settings;
  const bySpelling = new Map<string, Target>();
  // Only configured nodes are trusted with the calls of others.
  const endpoints = upstream === 'direct' ? [] : nodes.filter(isControlPlane).map(node => buildTarget(name, node));
  const targets = [...nodes, ...discovered].map(node => {
    const target = withDetour(buildTarget(name, node), endpoints);
    for (const { text } of spellingsOf(node)) {
      const read = readNodeSpelling(text);
      if (read.ok) bySpelling.set(read.key, target);
    }
    return target;
  });
  const controlPlane = targets.slice(0, nodes.length).find(isControlPlane);
  return { name, settings, discovered, targets, bySpelling, controlPlane, asBefore: new Map() };
}

function changeOf(before: readonly NodeSettings[], after: readonly NodeSettings[]): FleetChange | undefined {
  const [old, now] = [before, after].map(nodes => new Map(nodes.map(node => [node.name, JSON.stringify(node)])));
  const names = (nodes: readonly NodeSettings[]): string[] => nodes.map(({ name }) => name);
  const change = {
    added: names(after).filter(name => old?.has(name) === false),
    removed: names(before).filter(name => now?.has(name) === false),
    changed: names(after).filter(name => old?.has(name) === true && old.get(name) !== now?.get(name)),
  };
  return Object.values(change).every(list => list.length === 0) ? undefined : change;
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

/** Nodes that pass calls on are dialled in any case; going through another one would only add a way to fail. */
function withDetour(target: Target, endpoints: readonly Endpoint[]): Target {
  if (endpoints.length === 0 || endpoints.some(({ node }) => node === target.node)) return target;
  return { ...target, detour: { as: target.identities[0] ?? target.node, endpoints } };
}

function resolveIn(cluster: Cluster, ask: FleetAsk): FleetAnswer {
  if (ask.nodes.length > maxNodesPerCall) {
    return refuse(`${ask.nodes.length} nodes in one call, at most ${maxNodesPerCall} are accepted`);
  }
  if (ask.nodes.length > 0) {
    const targets: Target[] = [];
    const unknown: UnknownNode[] = [];
    for (const [at, node] of ask.nodes.entries()) {
      const target = lookUp(cluster, node);
      if (typeof target !== 'string') targets.push(target);
      else if (readNodeSpelling(node).ok) unknown.push({ at, cluster: cluster.name, asked: node, message: target });
      else return refuse(target);
    }
    const [first] = unknown;
    if (targets.length === 0 && first !== undefined) return refuse(first.message);
    return { ok: true, route: { kind: 'aggregate', targets, unknown } };
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
