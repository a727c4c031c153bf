import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { parse, stringify } from 'yaml';
import { type App, createApp } from '../../src/app.ts';
import type { ClientSettings } from '../../src/cli/client.ts';
import { packageRoot } from '../../src/cli/context.ts';
import { DemoClient, type DemoCredential } from '../../src/cli/demo/check-client.ts';
import { demoCluster, demoNodes, demoPeople, demoRevoked } from '../../src/cli/demo/layout.ts';
import { type DemoPlaces, type DemoSecrets, makeDemoSecrets, writeDemo } from '../../src/cli/demo/prepare.ts';
import { requireConfig } from '../../src/cli/load.ts';
import type { Config } from '../../src/config/load.ts';
import { systemClock } from '../../src/core/clock.ts';
import { type SimCluster, type SimNode, type SimNodeSettings, startSimCluster } from '../../src/sim/sim.ts';
import { type AuditWatch, openAuditWatch } from './audit-watch.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { type DatabaseWire, openDatabaseWire } from './database-wire.ts';
import { connectH2, type H2Client } from './h2-client.ts';

/** alice views, bob operates, edits configuration and debugs, carol approves and audits, dave is revoked. */
export const people = [...demoPeople, demoRevoked] as const;
export type Person = (typeof people)[number]['first'];

/** Everybody but `nobody` proves themselves with a certificate; `alice-jwt` and so on with a token instead. */
export type Caller = Person | `${(typeof demoPeople)[number]['first']}-jwt` | 'nobody';

/** The configuration as it stands in the file, open to changes. */
export interface RawConfig {
  [key: string]: unknown;
}

export interface StackOptions {
  /** Changes the configuration before it is loaded. */
  readonly config?: (config: RawConfig, secrets: DemoSecrets) => void | Promise<void>;
  /** Lines put below `policies/policy.csv` before the start. */
  readonly policy?: readonly string[];
  /** Leads the gateway's writing login through a wire that can be cut. */
  readonly wire?: boolean;
  /** Signs the log as the demo does. Default false: most tests look at something else. */
  readonly sealed?: boolean;
  /** Settings of every simulated node. */
  readonly node?: Partial<Pick<SimNodeSettings, 'logRate' | 'timing' | 'snapshotBytes'>>;
  /** Talos versions of single nodes, by name. */
  readonly versions?: Readonly<Record<string, string>>;
}

/** A whole gateway in this process, on a database of its own, with three simulated nodes behind it. */
export interface Stack {
  readonly app: App;
  readonly config: Config;
  /** Holds the configuration, the policies and everybody's credentials. */
  readonly directory: string;
  readonly secrets: DemoSecrets;
  readonly database: TestDatabase;
  /** To the database of the gateway's writing login; only with `wire`. */
  readonly wire: DatabaseWire;
  readonly nodes: Readonly<Record<'cp' | 'worker' | 'worker2', SimNode>>;
  /** What the gateway's process log said, one JSON text a line. */
  readonly log: readonly string[];
  /** The log as it grows from here on. */
  watch(): Promise<AuditWatch>;
  /** grpc-js as somebody; one connection each, kept until the end. */
  as(caller: Caller): DemoClient;
  /** grpc-js with any credential. */
  client(credential: DemoCredential): DemoClient;
  /** A connection of its own that sends exactly what it is told. */
  h2(caller?: Caller): Promise<H2Client>;
  /** How somebody reaches the JSON API. */
  api(person: Person): ClientSettings;
  /** Adds rules and has them brought into force; rejects when the gateway refuses them. */
  addPolicy(...lines: string[]): Promise<void>;
  /** Puts `policies/policy.csv` back to what it was at the start. */
  resetPolicy(): Promise<void>;
  /** Adds a line to the revocation list. */
  revoke(line: string): Promise<void>;
  /** Forgets what the nodes have seen. */
  clearCalls(): void;
  /** Calls that reached any node since the last `clearCalls`. */
  seen(): { readonly node: string; readonly path: string }[];
  close(): Promise<void>;
}

/** Starts everything in about a second. Call it in beforeAll, `close` in afterAll; tests of one file share a stack. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const closers: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    return await assemble(options, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(options: StackOptions, closers: (() => unknown)[], close: () => Promise<void>): Promise<Stack> {
  const directory = await mkdtemp(join(tmpdir(), 'talosgate-e2e-'));
  closers.push(() => rm(directory, { recursive: true, force: true }));
  const database = await createTestDatabase();
  closers.push(() => database.drop());
  const wire = options.wire === true ? await openDatabaseWire(database.writerUrl) : undefined;
  if (wire !== undefined) closers.push(() => wire.close());
  const secrets = await makeDemoSecrets(systemClock);
  const cluster = await startNodes(secrets, options);
  closers.push(() => cluster.close());

  const places: DemoPlaces = {
    directory,
    grpcAddress: '127.0.0.1:0',
    grpcEndpoint: '127.0.0.1:50000',
    httpAddress: '127.0.0.1:0',
    httpUrl: 'https://127.0.0.1:8443',
    dials: Object.fromEntries(cluster.nodes.map(node => [node.name, node.dial])),
    databaseUrl: wire?.url ?? database.writerUrl,
    readerUrl: database.readerUrl,
    sealerUrl: options.sealed === true ? database.sealerUrl : undefined,
  };
  const config = await writeFiles(places, secrets, options);
  const log: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => log.push(line.trimEnd()) });
  const app = await createApp({ config, version: '0.0.0-test', clock: systemClock, log: logger });
  closers.push(() => app.close());

  const clients = new Map<Caller, DemoClient>();
  const client = (credential: DemoCredential): DemoClient => {
    const made = new DemoClient(`127.0.0.1:${app.grpc.port}`, credential);
    closers.push(() => made.close());
    return made;
  };
  const policyFile = join(directory, 'policies/policy.csv');
  const firstPolicy = await readFile(policyFile, 'utf8');
  const inForce = async (): Promise<void> => {
    const before = log.length;
    await app.reloadPolicy();
    const refused = log.slice(before).find(line => line.includes('policy refused'));
    if (refused !== undefined) throw new Error(refused);
  };
  return {
    app,
    config,
    directory,
    secrets,
    database,
    get wire() {
      if (wire === undefined) throw new Error('start the stack with { wire: true }');
      return wire;
    },
    nodes: { cp: nodeAt(cluster, 0), worker: nodeAt(cluster, 1), worker2: nodeAt(cluster, 2) },
    log,
    watch: async () => {
      const watch = await openAuditWatch(database.readerUrl);
      closers.push(() => watch.close());
      return watch;
    },
    as: caller => {
      const made = clients.get(caller) ?? client(credentialOf(caller, secrets));
      clients.set(caller, made);
      return made;
    },
    client,
    h2: async (caller = 'nobody') => {
      const { certificate, key } = credentialOf(caller, secrets);
      const made = await connectH2({
        port: app.grpc.port,
        ca: secrets.pki.clientCa.certificate,
        ...(certificate === undefined ? {} : { certificate: String(certificate), key: String(key) }),
      });
      closers.push(() => made.close());
      return made;
    },
    api: first => ({
      server: `https://127.0.0.1:${app.http.port}`,
      ca: join(directory, 'pki/clients-ca.crt'),
      certificate: join(directory, `pki/${first}.crt`),
      key: join(directory, `pki/${first}.key`),
      tokenFile: undefined,
    }),
    addPolicy: async (...lines) => {
      await appendFile(policyFile, `${lines.join('\n')}\n`);
      await inForce();
    },
    resetPolicy: async () => {
      await writeFile(policyFile, firstPolicy);
      await inForce();
    },
    revoke: line => appendFile(join(directory, 'pki/revoked.txt'), `${line}\n`),
    clearCalls: () => {
      for (const node of cluster.nodes) node.control.clearCalls();
    },
    seen: () => cluster.nodes.flatMap(node => node.control.calls().map(call => ({ node: node.name, path: call.path }))),
    close,
  };
}

/** The demo's files, with policies of the test's own. */
async function writeFiles(places: DemoPlaces, secrets: DemoSecrets, options: StackOptions): Promise<Config> {
  const { directory } = places;
  await writeDemo(secrets, places, systemClock);
  await cp(`${packageRoot}policies`, join(directory, 'policies'), { recursive: true });
  // The cases about people and groups would hold back the rules that tests add for them; those about roles stay.
  for (const cases of ['demo', 'policy']) await rm(join(directory, `policies/${cases}.test.yaml`));
  if (options.policy !== undefined) {
    await appendFile(join(directory, 'policies/policy.csv'), `${options.policy.join('\n')}\n`);
  }
  const file = join(directory, 'talosgate.yaml');
  const raw = parse(await readFile(file, 'utf8')) as RawConfig;
  raw['policy'] = { directory: 'policies' };
  await options.config?.(raw, secrets);
  await writeFile(file, stringify(raw, { aliasDuplicateObjects: false }));
  const errors: string[] = [];
  const output = { out: () => undefined, error: (line: string) => void errors.push(line) };
  return await requireConfig(file, { output, env: {}, clock: systemClock });
}

function startNodes(secrets: DemoSecrets, options: StackOptions): Promise<SimCluster> {
  const nodes = demoNodes.map(({ name, role, address }) => {
    const leaf = secrets.pki.nodes.get(name);
    return {
      name,
      cluster: demoCluster,
      role,
      address,
      listen: '127.0.0.1:0',
      tls: { certificate: leaf?.certificate ?? '', key: leaf?.key ?? '', clientCa: secrets.pki.talosCa.certificate },
      logRate: 20,
      ...(options.versions?.[name] === undefined ? {} : { talosVersion: options.versions[name] }),
      ...options.node,
    };
  });
  return startSimCluster({ clock: systemClock, nodes });
}

function nodeAt(cluster: SimCluster, index: number): SimNode {
  const node = cluster.nodes[index];
  if (node === undefined) throw new Error(`no simulated node ${index}`);
  return node;
}

function credentialOf(caller: Caller, { pki, tokens }: DemoSecrets): DemoCredential {
  const ca = Buffer.from(pki.clientCa.certificate);
  if (caller === 'nobody') return { ca };
  const [first, kind] = caller.split('-');
  const email = people.find(person => person.first === first)?.email ?? '';
  if (kind === 'jwt') return { ca, token: tokens.get(email) ?? '' };
  const leaf = pki.users.get(email);
  if (leaf === undefined) throw new Error(`${caller} has no certificate`);
  return { ca, certificate: Buffer.from(leaf.certificate), key: Buffer.from(leaf.key) };
}
