import { readFile } from 'node:fs/promises';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** A place in the code and its share of all time that was not idle. */
export interface HotSpot {
  readonly place: string;
  readonly share: number;
}

export interface HotSpots {
  /** Time of a function's own, callees not counted. */
  readonly own: readonly HotSpot[];
  /** Time of Node and of packages charged to the function of ours that asked for it. */
  readonly charged: readonly HotSpot[];
}

/** Reads what `--cpu-prof` wrote. `root` is the folder of the project, with a slash at its end. */
export async function readHotSpots(file: string, root: URL): Promise<HotSpots> {
  const profile = JSON.parse(await readFile(file, 'utf8')) as CpuProfile;
  const own = new Map<string, number>();
  const charged = new Map<string, number>();
  const places = placesOf(profile, root);
  let busy = 0;
  profile.samples.forEach((id, i) => {
    const place = places.get(id);
    if (place === undefined || place.own === '(idle)') return;
    const micros = profile.timeDeltas[i] ?? 0;
    busy += micros;
    own.set(place.own, (own.get(place.own) ?? 0) + micros);
    charged.set(place.charged, (charged.get(place.charged) ?? 0) + micros);
  });
  const ranked = (spent: ReadonlyMap<string, number>): HotSpot[] =>
    [...spent].map(([place, micros]) => ({ place, share: micros / busy })).sort((a, b) => b.share - a.share);
  return { own: ranked(own), charged: ranked(charged) };
}

interface Place {
  readonly own: string;
  readonly charged: string;
}

/** Names every node of the call tree, and the nearest caller that is ours; what none of ours asked for stands for itself. */
function placesOf({ nodes }: CpuProfile, root: URL): ReadonlyMap<number, Place> {
  const byId = new Map(nodes.map(node => [node.id, node]));
  const parents = new Map(nodes.flatMap(node => (node.children ?? []).map(child => [child, node.id])));
  const places = new Map<number, Place>();
  for (const node of nodes) {
    let ours: ProfileNode | undefined = node;
    while (ours !== undefined && !isOurs(ours, root)) ours = byId.get(parents.get(ours.id) ?? -1);
    const own = placeOf(node, root);
    places.set(node.id, { own, charged: ours === undefined ? `not asked for: ${own}` : placeOf(ours, root) });
  }
  return places;
}

function isOurs({ callFrame: { url } }: ProfileNode, root: URL): boolean {
  return url.startsWith(root.href) && !url.includes('/node_modules/');
}

function placeOf({ callFrame }: ProfileNode, root: URL): string {
  const { functionName, url, lineNumber } = callFrame;
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  return `${name} ${url.startsWith(root.href) ? url.slice(root.href.length) : url}:${lineNumber + 1}`;
}
