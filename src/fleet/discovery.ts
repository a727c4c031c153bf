import type { Clock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import type { Member } from '../core/member.ts';
import type { Target } from '../core/target.ts';
import type { ClusterSettings, NodeSettings } from './config.ts';
import type { Fleet, FleetChange } from './fleet.ts';
import { keysOf, mergeMembers } from './merge-members.ts';

export interface DiscoveryOptions {
  readonly fleet: Fleet;
  readonly clusters: readonly ClusterSettings[];
  readonly clock: Clock;
  /** Asks one node for the members of its cluster. */
  readonly list: (target: Target, signal: AbortSignal) => Promise<readonly Member[]>;
  /** Makes a change durable before it takes effect. When it rejects, the change waits for the next round. */
  readonly record: (cluster: string, change: FleetChange, toldBy: string) => Promise<void>;
  /** Called after a change took effect. */
  readonly onChange?: () => void;
  /** What went wrong in a round or with a member; called again only when that differs from the round before. */
  readonly report: (cluster: string, problem: string, cause: unknown) => void;
}

/** Keeps the fleet up to date with what clusters say of themselves. */
export interface Discovery {
  /** Resolves when every cluster has been asked once, whatever came of it. */
  readonly first: Promise<void>;
  close(): Promise<void>;
}

/**
 * Asks each cluster that has `discovery` for its members, at once and then in its interval: configured
 * control-plane nodes one after the other, the other configured ones, then the rest, until one answers. When none does, the last list stays.
 */
export function startDiscovery(options: DiscoveryOptions): Discovery {
  const stop = new AbortController();
  const loops = options.clusters
    .filter(cluster => cluster.discovery !== undefined)
    .map(cluster => new ClusterDiscovery(cluster, options, stop.signal).run());
  return {
    first: Promise.all(loops.map(loop => loop.first)).then(() => undefined),
    close: async () => {
      stop.abort(new GateError('draining', 'talosgate is shutting down'));
      await Promise.all(loops.map(loop => loop.ended));
    },
  };
}

class ClusterDiscovery {
  readonly #cluster: ClusterSettings;
  readonly #o: DiscoveryOptions;
  readonly #signal: AbortSignal;
  /** Nodes in force, and when their cluster last told of them. */
  #seen = new Map<string, { readonly node: NodeSettings; readonly at: number }>();
  #said = '';

  constructor(cluster: ClusterSettings, options: DiscoveryOptions, signal: AbortSignal) {
    this.#cluster = cluster;
    this.#o = options;
    this.#signal = signal;
  }

  run(): { readonly first: Promise<void>; readonly ended: Promise<void> } {
    const first = this.#round();
    return { first, ended: this.#loop(first) };
  }

  async #loop(first: Promise<void>): Promise<void> {
    await first;
    for (;;) {
      await pause(this.#cluster.discovery?.interval ?? 0, this.#signal);
      if (this.#signal.aborted) return;
      await this.#round();
    }
  }

  /** Never rejects. */
  async #round(): Promise<void> {
    const problems: string[] = [];
    let cause: unknown;
    try {
      const { members, toldBy } = await this.#ask();
      problems.push(...(await this.#apply(members, toldBy)));
    } catch (thrown) {
      if (this.#signal.aborted) return;
      cause = thrown;
      problems.push(`${GateError.from(thrown).message}; the last list stays in force`);
    }
    const said = summary(problems);
    if (said !== '' && said !== this.#said) this.#o.report(this.#cluster.name, said, cause);
    this.#said = said;
  }

  async #ask(): Promise<{ readonly members: readonly Member[]; readonly toldBy: string }> {
    const { name, nodes } = this.#cluster;
    // A member says itself what it is, and none that says so comes before those that somebody wrote down.
    const configured = new Set(nodes.map(node => node.name));
    const rank = ({ node, labels }: Target): number =>
      (configured.has(node) ? 0 : 2) + (labels['role'] === 'controlplane' ? 0 : 1);
    const targets = this.#o.fleet.targets.filter(target => target.cluster === name);
    let last: unknown = new GateError('upstream-unavailable', 'there is no node to ask');
    for (const target of targets.toSorted((a, b) => rank(a) - rank(b))) {
      try {
        const members = await this.#o.list(target, this.#signal);
        if (members.length > 0) return { members, toldBy: target.node };
        last = new GateError('upstream-unavailable', `node ${target.node} knows no members`);
      } catch (thrown) {
        this.#signal.throwIfAborted();
        last = thrown;
      }
    }
    throw last;
  }

  async #apply(members: readonly Member[], toldBy: string): Promise<readonly string[]> {
    const { fleet, clock, record, onChange } = this.#o;
    const { name, nodes, discovery } = this.#cluster;
    const merged = mergeMembers(nodes, members, discovery?.labels ?? {});
    const now = clock.now();
    const seen = new Map(merged.nodes.map(node => [node.name, { node, at: now }]));
    const claimed = new Set(merged.nodes.flatMap(keysOf));
    for (const [gone, entry] of this.#seen) {
      if (now - entry.at >= (discovery?.keep ?? 0)) continue;
      // Who came in its place has its addresses now.
      if (!keysOf(entry.node).some(key => claimed.has(key))) seen.set(gone, entry);
    }
    const wanted = fleet.discover(
      name,
      [...seen.values()].map(({ node }) => node),
    );
    if (wanted.change !== undefined) await record(name, wanted.change, toldBy);
    wanted.apply();
    this.#seen = seen;
    if (wanted.change !== undefined) onChange?.();
    return merged.problems;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}

/** Members are many, and what is wrong with one is often wrong with all. */
const mostTold = 20;

function summary(problems: readonly string[]): string {
  const more = problems.length - mostTold;
  return [...problems.slice(0, mostTold), ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}
