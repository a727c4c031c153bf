import { join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { type App } from '../../app.ts';
import { type EmbeddedPostgres, startEmbedded } from '../../db/embedded.ts';
import { ensureLogins } from '../../db/logins.ts';
import { migrate } from '../../db/migrate.ts';
import type { SimCluster } from '../../sim/sim.ts';
import { startSimCluster } from '../../sim/sim.ts';
import { type CliContext, migrationsFolder, untilStopped } from '../context.ts';
import { requireConfig } from '../load.ts';
import { createLog, startGateway } from '../serve.ts';
import { checkDemo } from './check.ts';
import type { DemoCredential } from './check-client.ts';
import type { DemoEndpoints } from './check-result.ts';
import { demoCluster, demoDebugImage, demoNodes, demoPeople, demoRevoked } from './layout.ts';
import { type DemoPlaces, type DemoSecrets, makeDemoSecrets, writeDemo } from './prepare.ts';
import { prepareForContainers } from './prepare-containers.ts';

interface DemoOptions {
  readonly check: boolean;
  readonly prepare: boolean;
  readonly directory: string;
  readonly grpcAddress: string;
  readonly httpAddress: string;
  readonly nodesHost: string;
  readonly databaseHost: string;
}

/** `talosgate demo`: everything on one machine, to try by hand or to check itself. */
export function demoCommand(parent: Command, context: CliContext): void {
  parent
    .command('demo')
    .description('run Postgres, three simulated nodes and the gateway; --check drives them by itself')
    .option(
      '--check',
      'make a series of calls, print a table, and stop; exit code 0 only when all went as expected',
      false,
    )
    .option('--directory <folder>', 'where everything is kept', '.talosgate/demo')
    .option('--grpc-address <host:port>', 'where talosctl connects to', '127.0.0.1:50000')
    .option('--http-address <host:port>', 'where the JSON API is', '127.0.0.1:8443')
    .option('--prepare', 'only write the files for running the parts in containers', false)
    .option('--nodes-host <host>', 'with --prepare: where the simulated nodes run', '127.0.0.1')
    .option('--database-host <host:port/database>', 'with --prepare: where Postgres is', 'postgres:5432/talosgate')
    .action(async (options: DemoOptions) => {
      if (options.prepare) {
        await prepareForContainers(options, context);
        return;
      }
      const demo = await startDemo(options.check ? anyPort(options) : options, context);
      try {
        if (options.check) {
          if (!(await checkDemo(demo.endpoints, context.output))) process.exitCode = 1;
          return;
        }
        for (const line of greeting(demo, options)) context.output.out(line);
        await untilStopped();
        context.output.out('stopping');
      } finally {
        await demo.close();
      }
    });
}

interface Demo {
  readonly endpoints: DemoEndpoints;
  readonly places: DemoPlaces;
  close(): Promise<void>;
}

/** A check must not collide with a demo that is up: own folder, free ports. */
function anyPort(options: DemoOptions): DemoOptions {
  return {
    ...options,
    directory: join(options.directory, 'check'),
    grpcAddress: '127.0.0.1:0',
    httpAddress: '127.0.0.1:0',
  };
}

/** Starts database, nodes and gateway in this process and its children. Closes what it started when a part fails. */
async function startDemo(
  options: Pick<DemoOptions, 'directory' | 'grpcAddress' | 'httpAddress'>,
  context: CliContext,
): Promise<Demo> {
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const directory = resolve(options.directory);
    const database = await startDatabase(directory);
    closers.push(() => database.server.stop());
    const secrets = await makeDemoSecrets(context.clock);
    const fixed = !options.grpcAddress.endsWith(':0');
    const nodes = await startNodes(secrets, fixed, context);
    closers.push(() => nodes.close());
    const places: DemoPlaces = {
      directory,
      grpcAddress: options.grpcAddress,
      grpcEndpoint: options.grpcAddress,
      httpAddress: options.httpAddress,
      httpUrl: `https://${options.httpAddress}`,
      dials: Object.fromEntries(nodes.nodes.map(node => [node.name, node.dial])),
      databaseUrl: database.writerUrl,
      readerUrl: database.readerUrl,
      sealerUrl: database.sealerUrl,
    };
    await writeDemo(secrets, places, context.clock);
    const config = await requireConfig(join(directory, 'talosgate.yaml'), context);
    const app = await startGateway(config, context, createLog(config));
    closers.push(() => app.close());
    return { endpoints: endpointsOf(secrets, places, app), places, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startDatabase(
  directory: string,
): Promise<{ server: EmbeddedPostgres; writerUrl: string; readerUrl: string; sealerUrl: string }> {
  const server = await startEmbedded({ dataDir: join(directory, 'postgres') });
  try {
    await migrate(server.adminUrl, migrationsFolder);
    // The server listens on loopback only, and its administrator's password is in the same folder: a derived one is as good.
    const password = new URL(server.adminUrl).password;
    const writer = { user: 'talosgate_gateway', password: `w-${password}` };
    const reader = { user: 'talosgate_search', password: `r-${password}` };
    const sealer = { user: 'talosgate_seal', password: `s-${password}` };
    await ensureLogins(server.adminUrl, { writer, reader, sealer });
    const urlFor = (login: { user: string; password: string }): string => {
      const url = new URL(server.adminUrl);
      url.username = login.user;
      url.password = login.password;
      return url.href;
    };
    return { server, writerUrl: urlFor(writer), readerUrl: urlFor(reader), sealerUrl: urlFor(sealer) };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function startNodes(secrets: DemoSecrets, fixedPorts: boolean, context: CliContext): Promise<SimCluster> {
  const nodes = demoNodes.map(({ name, role, address, port }) => {
    const leaf = secrets.pki.nodes.get(name);
    return {
      name,
      cluster: demoCluster,
      role,
      address,
      listen: `127.0.0.1:${fixedPorts ? port : 0}`,
      tls: { certificate: leaf?.certificate ?? '', key: leaf?.key ?? '', clientCa: secrets.pki.talosCa.certificate },
    };
  });
  return await startSimCluster({ clock: context.clock, nodes, kubernetes: true });
}

function endpointsOf(secrets: DemoSecrets, places: DemoPlaces, app: App): DemoEndpoints {
  const ca = Buffer.from(secrets.pki.clientCa.certificate);
  const withCertificate = (email: string): DemoCredential => {
    const leaf = secrets.pki.users.get(email);
    return { ca, certificate: Buffer.from(leaf?.certificate ?? ''), key: Buffer.from(leaf?.key ?? '') };
  };
  const [alice, bob, carol] = demoPeople;
  const token = (email: string): DemoCredential => ({ ca, token: secrets.tokens.get(email) ?? '' });
  const api = (first: string): DemoEndpoints['api']['alice'] => ({
    server: `https://127.0.0.1:${app.http.port}`,
    ca: join(places.directory, 'pki/clients-ca.crt'),
    certificate: join(places.directory, `pki/${first}.crt`),
    key: join(places.directory, `pki/${first}.key`),
    tokenFile: undefined,
  });
  return {
    gateway: `127.0.0.1:${app.grpc.port}`,
    workerDial: places.dials['demo-worker-1'] ?? '',
    worker: 'demo-worker-1',
    controlPlane: 'demo-cp-1',
    nodes: demoNodes.map(({ name }) => name),
    people: {
      alice: withCertificate(alice.email),
      bob: withCertificate(bob.email),
      carol: withCertificate(carol.email),
      dave: withCertificate(demoRevoked.email),
      stranger: { ca },
      direct: {
        ca: Buffer.from(secrets.pki.talosCa.certificate),
        certificate: Buffer.from(secrets.direct.certificate),
        key: Buffer.from(secrets.direct.key),
      },
    },
    tokens: { alice: token(alice.email), bob: token(bob.email), carol: token(carol.email) },
    api: { alice: api('alice'), bob: api('bob'), carol: api('carol') },
    debugImage: demoDebugImage,
  };
}

function greeting({ places }: Demo, options: DemoOptions): string[] {
  const folder = relative(process.cwd(), places.directory) || '.';
  return [
    'talosgate demo is up',
    '',
    `  gateway        ${options.grpcAddress} (gRPC, for talosctl), ${places.httpUrl} (API, health, metrics)`,
    ...demoNodes.map(
      node =>
        `  ${node.name.padEnd(15)}${node.address}, really ${places.dials[node.name] ?? ''} (${node.role}, simulated)`,
    ),
    `  files          ${folder}`,
    '',
    'Who is who (each also as NAME-jwt.talosconfig, with a JWT instead of a certificate):',
    '',
    ...demoPeople.map(
      ({ first, email, about }) => `  ${first.padEnd(6)} ${folder}/${first}.talosconfig  ${email}: ${about}`,
    ),
    '',
    'Try, in another terminal:',
    '',
    `  export TALOSCONFIG=${folder}/alice.talosconfig`,
    '  talosctl -n demo-worker-1 version',
    '  talosctl -n demo-worker-1 logs -f kubelet',
    '  talosctl -n demo-cp-1 get members',
    '  talosctl -n demo-worker-1 reboot                      # refused: alice is a viewer',
    '',
    `  export TALOSCONFIG=${folder}/bob.talosconfig`,
    '  talosctl -n demo-worker-1 debug docker.io/library/alpine:3.22',
    '',
    'and, as the second person (npm run -s talosgate -- is the command line of this checkout):',
    '',
    `  export TALOSGATE_CLIENT=${folder}/carol.client.yaml`,
    '  npm run -s talosgate -- approvals list',
    '  npm run -s talosgate -- approvals approve ID --reason "ok, 30 min"',
    '  npm run -s talosgate -- audit list --who bob@example.com',
    '  npm run -s talosgate -- audit tail',
    '',
    'The log is signed every second; this checks all of it against the key:',
    '',
    `  npm run -s talosgate -- audit verify --config ${folder}/talosgate.yaml --policy ${folder}/trust.policy`,
    '',
    'The same nodes without a gateway, to compare:',
    '',
    `  talosctl --talosconfig ${folder}/direct.talosconfig -n 10.5.0.3 version`,
    '',
    'Ctrl-C stops everything.',
  ];
}
