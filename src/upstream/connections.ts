import type { SecureContext } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import type { Endpoint, Target } from '../core/target.ts';
import type { Channel } from './channel.ts';
import { type ClusterCredentials, createClusterContext } from './cluster-credentials.ts';
import { acquireDetour, type Dialler, peekDetour } from './detour.ts';
import { type ChannelEvent, NodePool } from './node-pool.ts';

/** Ready connections to nodes. */
export interface Channels {
  /** A ready channel when there is one, without waiting. */
  peek(target: Target): Channel | undefined;
  /** Connects when needed. Rejects with GateError `upstream-unavailable` after about three seconds at most, or `cancelled`. */
  acquire(target: Target, signal?: AbortSignal): Promise<Channel>;
  /**
   * Replaces the credentials; connections made with the old ones end when their last call does. Throws GateError
   * `bad-config` and changes nothing when a cluster's material cannot be loaded.
   */
  setClusters(clusters: readonly ClusterCredentials[]): void;
  /** Forgets all nodes but these: connections to others end when their last call does. */
  retain(targets: readonly Endpoint[]): void;
  /** Lets running calls end for `graceMs` (default 0), then cuts what is left. */
  close(graceMs?: number): Promise<void>;
}

export interface ChannelsOptions {
  readonly clusters: readonly ClusterCredentials[];
  readonly clock: Clock;
  readonly onEvent?: ((event: ChannelEvent) => void) | undefined;
}

/** Throws GateError `bad-config` when a cluster's certificates cannot be loaded. Connects to nobody until asked. */
export function createChannels(options: ChannelsOptions): Channels {
  const { clock, onEvent = () => undefined } = options;
  let contexts = loadContexts(options.clusters);
  let pools = new Map<string, NodePool>();
  const retired = new Set<NodePool>();
  let closed = false;

  function poolOf(target: Endpoint): NodePool {
    const key = keyOf(target);
    const known = pools.get(key);
    if (known?.serves(target) === true) return known;
    const context = contexts.get(target.cluster);
    if (context === undefined) throw new GateError('unknown-target', `cluster ${target.cluster} is not configured`);
    if (closed) throw new GateError('draining', 'talosgate is shutting down');
    if (known !== undefined) retire(known);
    const pool = new NodePool({ target, context, clock, onEvent });
    pools.set(key, pool);
    return pool;
  }

  function retire(pool: NodePool): void {
    pool.retire();
    retired.add(pool);
    for (const old of retired) if (old.streams === 0) retired.delete(old);
  }

  const direct: Dialler = {
    peek: target => {
      const pool = pools.get(keyOf(target));
      return pool?.serves(target) === true ? pool.peek() : undefined;
    },
    acquire: async (target, signal) => await poolOf(target).acquire(signal),
  };
  return {
    peek: target => (target.detour === undefined ? direct.peek(target) : peekDetour(direct, target, target.detour)),
    acquire: async (target, signal) => {
      if (target.detour === undefined) return await direct.acquire(target, signal);
      return await acquireDetour(direct, target, target.detour, signal);
    },
    setClusters: clusters => {
      contexts = loadContexts(clusters);
      for (const pool of pools.values()) retire(pool);
      pools = new Map();
    },
    retain: targets => {
      const kept = new Set(targets.map(keyOf));
      for (const [key, pool] of pools) {
        if (kept.has(key)) continue;
        pools.delete(key);
        retire(pool);
      }
    },
    close: async (graceMs = 0) => {
      closed = true;
      const all = [...pools.values(), ...retired];
      for (const pool of all) pool.retire();
      await drained(all, graceMs);
      for (const pool of all) pool.destroy();
    },
  };
}

function keyOf({ cluster, node }: Endpoint): string {
  return `${cluster}\n${node}`;
}

function loadContexts(clusters: readonly ClusterCredentials[]): Map<string, SecureContext> {
  return new Map(clusters.map(credentials => [credentials.cluster, createClusterContext(credentials)]));
}

/** Resolves when no pool has a call under way, or after the grace. Looks every 20 ms; only a shutdown waits here. */
async function drained(pools: readonly NodePool[], graceMs: number): Promise<void> {
  for (let waited = 0; waited < graceMs && pools.some(pool => pool.streams > 0); waited += 20) {
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}
