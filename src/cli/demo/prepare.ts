import { X509Certificate } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Clock } from '../../core/clock.ts';
import { packageRoot } from '../context.ts';
import { type PlannedFile, writeFiles } from '../pki/files.ts';
import { makePki, type Pki } from '../pki/pki.ts';
import { writeTalosconfig } from '../pki/talosconfig.ts';
import { createTokenSigner, type TokenSigner } from '../pki/token-signer.ts';
import { demoCluster, demoIssuer, demoNodes, demoPeople, demoRevoked } from './layout.ts';
import { keepSealKey, type SealFiles } from './seal-files.ts';

/** Where the pieces of a demo are. Everything is below `directory`, which only the owner can read. */
export interface DemoPlaces {
  readonly directory: string;
  /** host:port the gateway listens on, and what talosconfigs name. */
  readonly grpcAddress: string;
  readonly grpcEndpoint: string;
  readonly httpAddress: string;
  readonly httpUrl: string;
  /** host:port of each node, by name, as the gateway dials it. */
  readonly dials: Readonly<Record<string, string>>;
  readonly databaseUrl: string;
  readonly readerUrl: string;
  /** Login that signs the log. Left out: it is not sealed. */
  readonly sealerUrl?: string | undefined;
}

/** What a run of the demo was given, in memory. */
export interface DemoSecrets {
  readonly pki: Pki;
  readonly signer: TokenSigner;
  readonly tokens: ReadonlyMap<string, string>;
  /** An os:admin certificate of the simulated cluster, to compare with. Real deployments lock such a thing away. */
  readonly direct: { readonly certificate: string; readonly key: string };
}

const tokenSeconds = 30 * 24 * 3600;

/** Makes certificates and tokens for everybody in the demo. Nothing is written. */
export async function makeDemoSecrets(clock: Clock, gatewayNames: readonly string[] = []): Promise<DemoSecrets> {
  const pki = await makePki({
    clock,
    gatewayNames: ['localhost', '127.0.0.1', '::1', ...gatewayNames],
    users: [...demoPeople, demoRevoked].map(({ email }) => ({ name: email })),
    nodes: demoNodes.map(({ name, address }) => ({ name, names: [address, 'localhost', '127.0.0.1'] })),
  });
  const signer = await createTokenSigner({ ...demoIssuer, clock });
  const tokens = new Map<string, string>();
  for (const { email } of demoPeople) tokens.set(email, await signer.sign({ email, seconds: tokenSeconds }));
  const direct = await pki.talosCa.issueClient({ commonName: 'demo-direct', organizations: ['os:admin'] });
  return { pki, signer, tokens, direct };
}

/** Folders that are written anew at every start; the database and the key of its log stay. */
const renewed = ['pki', 'secrets'];

/** Writes everything a demo needs: certificates, the nodes' file, the configuration, talosconfigs and client files. */
export async function writeDemo(secrets: DemoSecrets, places: DemoPlaces, clock: Clock): Promise<void> {
  const seal = places.sealerUrl === undefined ? undefined : await keepSealKey(places.directory);
  const files: Record<string, PlannedFile> = {
    ...pkiFiles(secrets),
    ...secretFiles(places, clock),
    ...(seal === undefined ? {} : { 'trust.policy': open(seal.trustPolicy) }),
    ...talosconfigs(secrets, places),
    ...clientFiles(places),
    'sim.yaml': { text: simFile(), secret: false },
    'talosgate.yaml': { text: configFile(places, seal), secret: false },
  };
  await mkdir(places.directory, { recursive: true, mode: 0o700 });
  for (const name of renewed) await rm(join(places.directory, name), { recursive: true, force: true });
  for (const name of Object.keys(files)) await rm(join(places.directory, name), { force: true });
  await writeFiles(places.directory, files);
}

function pkiFiles({ pki, signer, direct }: DemoSecrets): Record<string, PlannedFile> {
  const files: Record<string, PlannedFile> = {
    'pki/clients-ca.crt': open(pki.clientCa.certificate),
    'pki/gateway.crt': open(pki.gateway.certificate),
    'pki/gateway.key': hidden(pki.gateway.key),
    'pki/talos-ca.crt': open(pki.talosCa.certificate),
    'pki/upstream.crt': open(pki.upstream.certificate),
    'pki/upstream.key': hidden(pki.upstream.key),
    'pki/direct.crt': open(direct.certificate),
    'pki/direct.key': hidden(direct.key),
    'pki/jwks.json': open(signer.keySet),
    'pki/revoked.txt': open(revocationList(pki)),
  };
  for (const { first, email } of [...demoPeople, demoRevoked]) {
    const leaf = pki.users.get(email);
    if (leaf === undefined) continue;
    files[`pki/${first}.crt`] = open(leaf.certificate);
    files[`pki/${first}.key`] = hidden(leaf.key);
  }
  for (const { name } of demoNodes) {
    const leaf = pki.nodes.get(name);
    if (leaf === undefined) continue;
    files[`pki/${name}.crt`] = open(leaf.certificate);
    files[`pki/${name}.key`] = hidden(leaf.key);
  }
  return files;
}

function revocationList(pki: Pki): string {
  const leaf = pki.users.get(demoRevoked.email);
  const serial = leaf === undefined ? '' : new X509Certificate(leaf.certificate).serialNumber;
  return `# Certificates that no longer count, by serial number or SHA-256 of the public key.\n${serial} # ${demoRevoked.email}\n`;
}

function secretFiles(places: DemoPlaces, clock: Clock): Record<string, PlannedFile> {
  return {
    'secrets/database-url': hidden(`${places.databaseUrl}\n`),
    'secrets/reader-url': hidden(`${places.readerUrl}\n`),
    ...(places.sealerUrl === undefined ? {} : { 'secrets/sealer-url': hidden(`${places.sealerUrl}\n`) }),
    'secrets/digest-key': hidden(`${clock.random(32).toString('base64url')}\n`),
    'secrets/session-key': hidden(`${clock.random(32).toString('base64url')}\n`),
  };
}

function talosconfigs(secrets: DemoSecrets, places: DemoPlaces): Record<string, PlannedFile> {
  const base = {
    endpoints: [places.grpcEndpoint],
    ca: secrets.pki.clientCa.certificate,
    cluster: demoCluster,
  };
  const files: Record<string, PlannedFile> = {};
  for (const { first, email } of demoPeople) {
    const leaf = secrets.pki.users.get(email);
    const token = secrets.tokens.get(email);
    if (leaf === undefined || token === undefined) continue;
    files[`${first}.talosconfig`] = hidden(
      writeTalosconfig({ ...base, context: first, credential: { kind: 'certificate', ...leaf } }),
    );
    files[`${first}-jwt.talosconfig`] = hidden(
      writeTalosconfig({ ...base, context: `${first}-jwt`, credential: { kind: 'token', user: email, token } }),
    );
  }
  const controlPlane = demoNodes[0].name;
  files['direct.talosconfig'] = hidden(
    writeTalosconfig({
      context: 'direct',
      endpoints: [places.dials[controlPlane] ?? ''],
      ca: secrets.pki.talosCa.certificate,
      credential: { kind: 'certificate', ...secrets.direct },
    }),
  );
  return files;
}

function clientFiles(places: DemoPlaces): Record<string, PlannedFile> {
  const files: Record<string, PlannedFile> = {};
  for (const { first } of demoPeople) {
    const client = {
      server: places.httpUrl,
      ca: 'pki/clients-ca.crt',
      certificate: `pki/${first}.crt`,
      key: `pki/${first}.key`,
    };
    files[`${first}.client.yaml`] = open(stringify(client));
  }
  return files;
}

function simFile(): string {
  const nodes = demoNodes.map(({ name, role, address, port }) => ({
    name,
    cluster: demoCluster,
    role,
    address,
    listen: `0.0.0.0:${port}`,
    certificate: `pki/${name}.crt`,
    key: `pki/${name}.key`,
    client_ca: 'pki/talos-ca.crt',
  }));
  return `# Simulated Talos nodes, for: talosgate sim FILE\n${stringify({ nodes })}`;
}

function configFile(places: DemoPlaces, seal: SealFiles | undefined): string {
  const tls = { certificate: 'pki/gateway.crt', key: 'pki/gateway.key' };
  const config = {
    listen: {
      grpc: { address: places.grpcAddress, tls, client_ca: 'pki/clients-ca.crt' },
      http: { address: places.httpAddress, tls, client_ca: 'pki/clients-ca.crt' },
    },
    identity: {
      mtls: { revoked: 'pki/revoked.txt' },
      jwt: [
        {
          issuer: demoIssuer.issuer,
          audience: [demoIssuer.audience],
          keys: { file: 'pki/jwks.json' },
          algorithms: ['ES256'],
          max_age: '31d',
        },
      ],
    },
    clusters: [
      {
        name: demoCluster,
        talos_ca: 'pki/talos-ca.crt',
        client_certificate: 'pki/upstream.crt',
        client_key: 'pki/upstream.key',
        nodes: demoNodes.map(({ name, role, address }) => ({
          name,
          addresses: [address],
          dial: places.dials[name],
          labels: { role },
        })),
      },
    ],
    policy: { directory: `${packageRoot}policies` },
    database: {
      url: { file: 'secrets/database-url' },
      reader_url: { file: 'secrets/reader-url' },
      ...(seal === undefined ? {} : { sealer_url: { file: 'secrets/sealer-url' } }),
    },
    audit: { digest_key: { file: 'secrets/digest-key' } },
    ...(seal === undefined ? {} : { sealing: seal.settings }),
    sessions: { key: { file: 'secrets/session-key' } },
    approvals: { base_url: places.httpUrl, approvers: 'carol@example.com' },
    limits: { shutdown_grace: '2s' },
    log: { level: 'warn' },
  };
  return `# Made by talosgate demo. "talosgate init" writes one for real use.\n${stringify(config, { aliasDuplicateObjects: false })}`;
}

function open(text: string): PlannedFile {
  return { text, secret: false };
}

function hidden(text: string): PlannedFile {
  return { text, secret: true };
}
