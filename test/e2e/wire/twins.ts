import type { Clock } from '../../../src/core/clock.ts';
import { type SimCluster, type SimNode, type SimTiming, startSimCluster } from '../../../src/sim/sim.ts';
import type { RawConfig, Stack } from '../../support/stack.ts';
import { Talosctl } from './talosctl.ts';

type Secrets = Stack['secrets'];

export const wireCluster = 'wire';

/** Names of the nodes. `cp1` is where calls go that name no node. */
export const nodes = { cp1: 'wire-cp-1', cp2: 'wire-cp-2', cp3: 'wire-cp-3', worker: 'wire-worker-1' } as const;

const layout = [
  { name: nodes.cp1, role: 'controlplane', address: '10.6.0.2' },
  { name: nodes.cp2, role: 'controlplane', address: '10.6.0.3' },
  { name: nodes.cp3, role: 'controlplane', address: '10.6.0.4' },
  { name: nodes.worker, role: 'worker', address: '10.6.0.5' },
] as const;

/** Progress in no time; nodes that are told to go away take longer than any test, so that they answer the next call. */
const timing: Partial<SimTiming> = { shutdown: 3_600_000, step: 4 };

/** Replies hold times, and ids made of random bytes. With these always the same, two equal calls have equal replies. */
const stoppedClock: Clock = {
  now: () => Date.UTC(2026, 7, 1, 12),
  monotonic: () => 1_000_000,
  random: size => Buffer.alloc(size, 0x5a),
};

/**
 * Two clusters that are equal in everything but their ports. What is sent to the first one directly and to the second
 * one through the gateway, in the same order, must give the same replies byte for byte, also of calls that change a node.
 */
export interface Twins {
  /** Called by us. */
  readonly direct: Twin;
  /** Called by the gateway. */
  readonly behind: Twin;
  /** Clusters of the gateway's configuration. */
  readonly clusters: RawConfig[];
  /** A connection to `wire-cp-1` of the first cluster, with a certificate that has these Talos roles. */
  connect(...roles: string[]): Promise<Talosctl>;
  /** Both. */
  each(work: (twin: Twin) => Promise<unknown>): Promise<void>;
  close(): Promise<void>;
}

export interface Twin {
  node(name: string): SimNode;
  readonly nodes: readonly SimNode[];
  /** As an administrator of Talos, whoever the twin belongs to. */
  readonly admin: Talosctl;
}

/** Starts both. Meant for `StackOptions.config`, where the authorities are known and the gateway is not up yet. */
export async function startTwins(secrets: Secrets): Promise<Twins> {
  const leaves = new Map<string, { certificate: string; key: string }>();
  for (const { name, address } of layout) {
    leaves.set(name, await secrets.pki.talosCa.issueServer(name, [name, address, '127.0.0.1']));
  }
  const clusters: SimCluster[] = [];
  const clients: Talosctl[] = [];
  const dial = async (cluster: SimCluster, roles: readonly string[]): Promise<Talosctl> => {
    const port = Number(cluster.nodes[0]?.dial.split(':').at(-1));
    const leaf = await secrets.pki.talosCa.issueClient({ commonName: 'wire', organizations: roles });
    const client = new Talosctl({ port, ca: secrets.pki.talosCa.certificate, ...leaf });
    clients.push(client);
    return client;
  };
  const start = async (): Promise<Twin> => {
    const cluster = await startSimCluster({
      clock: stoppedClock,
      nodes: layout.map(node => ({
        ...node,
        cluster: wireCluster,
        listen: '127.0.0.1:0',
        tls: {
          ...(leaves.get(node.name) ?? { certificate: '', key: '' }),
          clientCa: secrets.pki.talosCa.certificate,
        },
        // Nothing is added to a log while it is followed: how much would depend on how fast the follower is.
        logRate: 0,
        snapshotBytes: 256 * 1024,
        timing,
      })),
    });
    clusters.push(cluster);
    return {
      nodes: cluster.nodes,
      node: name => {
        const found = cluster.nodes.find(node => node.name === name);
        if (found === undefined) throw new Error(`no node ${name}`);
        return found;
      },
      admin: await dial(cluster, ['os:admin']),
    };
  };
  const [direct, behind] = [await start(), await start()];
  const [first] = clusters;
  if (first === undefined) throw new Error('no cluster');
  return {
    direct,
    behind,
    clusters: [
      {
        name: wireCluster,
        talos_ca: 'pki/talos-ca.crt',
        client_certificate: 'pki/upstream.crt',
        client_key: 'pki/upstream.key',
        nodes: layout.map(({ name, role, address }) => ({
          name,
          addresses: [address],
          dial: behind.node(name).dial,
          labels: { role },
        })),
      },
    ],
    connect: (...roles) => dial(first, roles),
    each: async work => {
      for (const twin of [direct, behind]) await work(twin);
    },
    close: async () => {
      for (const client of clients) await client.close();
      for (const cluster of clusters) await cluster.close();
    },
  };
}
