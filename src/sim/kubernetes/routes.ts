import type { NodeState } from '../node.ts';
import { daemonSets, deployments, type KubernetesObject, nodeObject, podObjects } from './objects.ts';
import { selects } from './selectors.ts';

/** What is asked of the API. */
export interface KubernetesRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Parsed JSON; undefined when there was none. */
  readonly body: unknown;
}

export interface KubernetesAnswer {
  readonly status: number;
  readonly body: object;
}

/** What outlives a request. */
export interface KubernetesState {
  readonly nodes: () => readonly NodeState[];
  readonly version: string;
  readonly cordoned: Set<string>;
  /** `namespace/name` */
  readonly evicted: Set<string>;
}

type Route = readonly [method: string, path: RegExp, answer: (state: KubernetesState, found: Found) => object];

interface Found {
  /** Groups of the path. */
  readonly words: readonly string[];
  readonly request: KubernetesRequest;
}

const namespaces = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];

/** As much of the API as talosctl asks for: nodes, pods, eviction, daemon sets, discovery. */
const routes: readonly Route[] = [
  [
    'GET',
    /^\/version$/,
    state => ({ major: '1', minor: state.version.split('.')[1], gitVersion: `v${state.version}` }),
  ],
  ['GET', /^\/api$/, () => ({ kind: 'APIVersions', versions: ['v1'] })],
  ['GET', /^\/apis$/, () => ({ kind: 'APIGroupList', apiVersion: 'v1', groups: ['apps', 'policy'].map(group) })],
  ['GET', /^\/api\/v1$/, () => resourceList('v1', coreResources)],
  ['GET', /^\/apis\/apps\/v1$/, () => resourceList('apps/v1', appResources)],
  ['GET', /^\/apis\/policy\/v1$/, () => resourceList('policy/v1', [])],
  ['GET', /^\/api\/v1\/namespaces\/([^/]+)$/, (_state, { words }) => namespace(words[0] ?? '')],
  ['GET', /^\/api\/v1\/nodes$/, (state, { request }) => listOf('Node', nodesOf(state), request)],
  ['GET', /^\/api\/v1\/nodes\/([^/]+)$/, (state, { words }) => one(nodesOf(state), 'nodes', words[0])],
  ['PATCH', /^\/api\/v1\/nodes\/([^/]+)$/, patchNode],
  ['GET', /^\/api\/v1\/pods$/, (state, { request }) => listOf('Pod', podsOf(state), request)],
  [
    'GET',
    /^\/api\/v1\/namespaces\/([^/]+)\/pods$/,
    (state, { words, request }) => listOf('Pod', podsOf(state, words[0]), request),
  ],
  [
    'GET',
    /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)$/,
    (state, { words }) => one(podsOf(state, words[0]), 'pods', words[1]),
  ],
  ['POST', /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/eviction$/, evict],
  ['GET', /^\/apis\/apps\/v1\/namespaces\/kube-system\/(daemonsets|deployments)$/, listSets],
  ['GET', /^\/apis\/apps\/v1\/namespaces\/kube-system\/(daemonsets|deployments)\/([^/]+)$/, oneSet],
];

/** Answers a request; what is not there is a 404 in the API's own form. */
export function answerKubernetes(state: KubernetesState, request: KubernetesRequest): KubernetesAnswer {
  for (const [method, path, answer] of routes) {
    const match = method === request.method ? path.exec(request.path) : null;
    if (match === null) continue;
    try {
      return { status: method === 'POST' ? 201 : 200, body: answer(state, { words: match.slice(1), request }) };
    } catch (error) {
      if (error instanceof Absent) return failure(404, 'NotFound', error.message);
      throw error;
    }
  }
  return failure(404, 'NotFound', 'the server could not find the requested resource');
}

/** A `Status` object that says no. */
export function failure(code: number, reason: string, message: string): KubernetesAnswer {
  return {
    status: code,
    body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code },
  };
}

class Absent extends Error {}

const coreResources = [
  resource('namespaces', 'Namespace', false),
  resource('nodes', 'Node', false),
  resource('pods', 'Pod', true),
  { ...resource('pods/eviction', 'Eviction', true), group: 'policy', version: 'v1', verbs: ['create'] },
];

const appResources = [resource('daemonsets', 'DaemonSet', true), resource('deployments', 'Deployment', true)];

function resource(name: string, kind: string, namespaced: boolean) {
  return { name, singularName: '', namespaced, kind, verbs: ['get', 'list', 'patch'] };
}

function resourceList(groupVersion: string, resources: readonly object[]) {
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}

function group(name: string) {
  const version = { groupVersion: `${name}/v1`, version: 'v1' };
  return { name, versions: [version], preferredVersion: version };
}

function namespace(name: string): object {
  if (!namespaces.includes(name)) throw new Absent(`namespaces "${name}" not found`);
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, status: { phase: 'Active' } };
}

function nodesOf(state: KubernetesState): readonly KubernetesObject[] {
  return state.nodes().map(node => nodeObject(node, state.cordoned.has(node.settings.name)));
}

function podsOf(state: KubernetesState, inside?: string): readonly KubernetesObject[] {
  return state
    .nodes()
    .flatMap(podObjects)
    .filter(({ metadata }) => inside === undefined || metadata.namespace === inside)
    .filter(({ metadata }) => !state.evicted.has(`${metadata.namespace ?? ''}/${metadata.name}`));
}

function listSets(state: KubernetesState, { words, request }: Found): object {
  const [kind, all] = words[0] === 'daemonsets' ? ['DaemonSet', daemonSets] : ['Deployment', deployments];
  return listOf(kind, all(state.nodes()), request);
}

function oneSet(state: KubernetesState, { words: [plural = '', name] }: Found): object {
  return one((plural === 'daemonsets' ? daemonSets : deployments)(state.nodes()), plural, name);
}

function listOf(kind: string, all: readonly KubernetesObject[], { query }: KubernetesRequest): object {
  const items = all.filter(item => selects(query, item));
  const apiVersion = kind === 'Node' || kind === 'Pod' ? 'v1' : 'apps/v1';
  return { apiVersion, kind: `${kind}List`, metadata: { resourceVersion: '1' }, items };
}

function one(all: readonly KubernetesObject[], plural: string, name: string | undefined): object {
  const found = all.find(({ metadata }) => metadata.name === name);
  if (found === undefined) throw new Absent(`${plural} "${name ?? ''}" not found`);
  return found;
}

/** Cordons and uncordons; nothing else of a node can be changed here. */
function patchNode(state: KubernetesState, { words: [name = ''], request }: Found): object {
  one(nodesOf(state), 'nodes', name);
  const spec = (request.body as { spec?: { unschedulable?: unknown } } | undefined)?.spec;
  if (spec !== undefined && 'unschedulable' in spec) {
    if (spec.unschedulable === true) state.cordoned.add(name);
    else state.cordoned.delete(name);
  }
  return one(nodesOf(state), 'nodes', name);
}

function evict(state: KubernetesState, { words: [space = '', name = ''] }: Found): object {
  one(podsOf(state, space), 'pods', name);
  state.evicted.add(`${space}/${name}`);
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
}
