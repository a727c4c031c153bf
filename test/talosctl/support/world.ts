import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { demoNodes } from '../../../src/cli/demo/layout.ts';
import type { DemoSecrets } from '../../../src/cli/demo/prepare.ts';
import { issueUser } from '../../../src/cli/pki/pki.ts';
import { writeTalosconfig } from '../../../src/cli/pki/talosconfig.ts';
import { type SimCluster, startSimCluster } from '../../../src/sim/sim.ts';
import { type Person, type RawConfig, type Stack, startStack } from '../../support/stack.ts';
import { createSeededClock } from './seeded-clock.ts';

/** One cluster on either side. For `shared` nodes both sides are the same. */
export interface Twins {
  readonly direct: SimCluster;
  readonly behind: SimCluster;
  /** What the gateway calls the one behind it. */
  readonly name: string;
}

export interface World {
  readonly stack: Stack;
  /** Twins by the name they were asked for under. */
  twins(name: string): Twins;
  /** Path of a talosconfig straight to the control-plane node, as os:admin. */
  directConfig(name: string): Promise<string>;
  /** Path of a talosconfig to the gateway, as somebody with the rights for everything. */
  gatewayConfig(name: string, credential: 'certificate' | 'jwt'): Promise<string>;
  /** Path of a talosconfig to the gateway as one of the demo's people, or with a token that nobody issued. */
  personConfig(name: string, who: Person | 'stranger'): Promise<string>;
  /**
   * Has the gateway connect to all nodes of the cluster, as it would be after the first call of the day. On a machine
   * with more work than processors a first handshake may take longer than a caller is made to wait.
   */
  warmUp(name: string, talosctl: string): Promise<void>;
  /** Calls that have reached a node behind the gateway and have not ended, by cluster and node. */
  openCalls(): string[];
  close(): Promise<void>;
}

type Credential = Parameters<typeof writeTalosconfig>[0]['credential'];

/** A cluster to be started. */
export interface TwinsWish {
  readonly name: string;
  readonly talosVersion: string;
  readonly kind: 'shared' | 'own';
}

/** The person at the gateway: everything, but a debug container needs somebody else, as ever. */
const operator = 'frank@example.com';

const run = promisify(execFile);

const rights = [
  `g, user:${operator}, role:everything`,
  ...['read', 'write', 'destructive', 'credential'].map(risk => `p, role:everything, *, *, class:${risk}, **, allow`),
  'p, role:everything, *, *, debug.run, debug/privileged, approve',
];

/** Starts the gateway with all clusters behind it, and their twins beside it. */
export async function startWorld(wishes: readonly TwinsWish[]): Promise<World> {
  const twins = new Map<string, Twins>();
  const close = async (): Promise<void> => {
    const clusters = new Set([...twins.values()].flatMap(({ direct, behind }) => [direct, behind]));
    await Promise.all([...clusters].map(cluster => cluster.close()));
  };
  const config = async (raw: RawConfig, secrets: DemoSecrets): Promise<void> => {
    for (const wish of wishes) {
      const behind = await startNodes(secrets, wish.talosVersion);
      const direct = wish.kind === 'shared' ? behind : await startNodes(secrets, wish.talosVersion);
      twins.set(wish.name, { direct, behind, name: wish.name });
    }
    const [demo] = raw['clusters'] as readonly object[];
    raw['default_cluster'] = 'demo';
    raw['clusters'] = [demo, ...[...twins.values()].map(pair => ({ ...demo, ...clusterSettings(pair) }))];
  };
  const stack = await startStack({ config, policy: rights }).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const folder = join(stack.directory, 'compatibility');
  await mkdir(folder);
  const { clientCa, talosCa } = stack.secrets.pki;
  const leaf = await issueUser(clientCa, { name: operator });
  const token = await stack.secrets.signer.sign({ email: operator, seconds: 3600 });
  const known = (name: string): Twins => {
    const pair = twins.get(name);
    if (pair === undefined) throw new Error(`no cluster was started for ${name}`);
    return pair;
  };
  const written = new Map<string, Promise<string>>();
  // Once only: another talosctl may be reading it.
  const write = (file: string, text: string): Promise<string> => {
    const path = join(folder, file);
    const writing = written.get(path) ?? writeFile(path, text, { mode: 0o600 }).then(() => path);
    written.set(path, writing);
    return writing;
  };
  const toGateway = (name: string, who: string, credential: Credential): Promise<string> =>
    write(
      `${name}.${who}.talosconfig`,
      writeTalosconfig({
        context: 'compatibility',
        endpoints: [`127.0.0.1:${stack.app.grpc.port}`],
        ca: clientCa.certificate,
        cluster: name,
        credential,
      }),
    );
  const gatewayConfig: World['gatewayConfig'] = (name, kind) =>
    toGateway(name, kind, kind === 'jwt' ? { kind: 'token', user: operator, token } : { kind: 'certificate', ...leaf });
  const personConfig: World['personConfig'] = (name, who) => {
    const known = stack.secrets.pki.users.get(`${who}@example.com`);
    const nonsense = { kind: 'token', user: 'stranger', token: 'eyJhbGciOiJub25lIn0.e30.' } as const;
    return toGateway(name, who, known === undefined ? nonsense : { kind: 'certificate', ...known });
  };
  const warm = new Map<string, Promise<void>>();
  return {
    stack,
    warmUp: (name, talosctl) => {
      const warming = warm.get(name) ?? gatewayConfig(name, 'certificate').then(config => connectAll(talosctl, config));
      warm.set(name, warming);
      return warming;
    },
    gatewayConfig,
    personConfig,
    twins: known,
    openCalls: () =>
      [...twins.values()].flatMap(({ name, behind }) =>
        behind.nodes.flatMap(node => (node.control.openStreams() === 0 ? [] : [`${name}/${node.name}`])),
      ),
    directConfig: name =>
      write(
        `${name}.direct.talosconfig`,
        writeTalosconfig({
          context: 'compatibility',
          endpoints: [known(name).direct.nodes[0]?.dial ?? ''],
          ca: talosCa.certificate,
          credential: { kind: 'certificate', ...stack.secrets.direct },
        }),
      ),
    close: async () => {
      await stack.close();
      await close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Asks for the versions of all nodes until all have answered. */
async function connectAll(talosctl: string, talosconfig: string): Promise<void> {
  const nodes = demoNodes.map(({ name }) => name).join(',');
  for (let left = 5; left > 0; left -= 1) {
    const answer = await run(talosctl, ['--talosconfig', talosconfig, 'version', '--short', '-n', nodes]).catch(
      () => undefined,
    );
    if (answer?.stderr === '') return;
  }
  throw new Error('the gateway did not reach the nodes in five attempts');
}

function clusterSettings({ name, behind }: Twins): object {
  const dials = new Map(behind.nodes.map(node => [node.name, node.dial]));
  const nodes = demoNodes.map(node => ({
    name: node.name,
    addresses: [node.address],
    dial: dials.get(node.name),
    labels: { role: node.role },
  }));
  return { name, nodes };
}

function startNodes({ pki }: DemoSecrets, talosVersion: string): Promise<SimCluster> {
  const nodes = demoNodes.map(({ name, role, address }) => {
    const leaf = pki.nodes.get(name);
    return {
      ...{ name, cluster: 'demo', role, address, talosVersion, listen: '127.0.0.1:0' },
      tls: { certificate: leaf?.certificate ?? '', key: leaf?.key ?? '', clientCa: pki.talosCa.certificate },
      logRate: 20,
      // talosctl looks once a second: gone before it looks again, and away long enough for it to notice.
      timing: { shutdown: 300, grace: 200, away: 2200, boot: 600, step: 40 },
    };
  });
  return startSimCluster({ clock: createSeededClock(), nodes, kubernetes: true });
}
