import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeCommentedYaml } from '../config/commented-yaml.ts';
import { printable } from '../core/printable.ts';
import { createSigner, generateKey } from '../tlog/note.ts';
import type { CliContext } from './context.ts';
import { type Authority, createAuthority } from './pki/authority.ts';
import { type PlannedFile, writeFiles } from './pki/files.ts';
import { issueUser, type PkiUser } from './pki/pki.ts';
import { writeTalosconfig } from './pki/talosconfig.ts';

export interface InitOptions {
  /** Made when it is not there; must be empty otherwise. */
  readonly directory: string;
  /** DNS names and IP addresses under which talosctl will reach the gateway; at least one. */
  readonly names: readonly string[];
  /** People who get a talosconfig with a client certificate at once. */
  readonly users: readonly PkiUser[];
  /** Folder with the policies to start from. */
  readonly policies: string;
}

/**
 * Writes everything for a new gateway but what only the operator has: the Talos side and the database. Nothing is
 * overwritten. Gives the exit code.
 */
export async function initCommand(
  options: InitOptions,
  { output, clock }: Pick<CliContext, 'output' | 'clock'>,
): Promise<number> {
  const { directory, names, users } = options;
  if (names.length === 0) {
    output.error('name at least one DNS name or IP address under which talosctl will reach the gateway');
    return 1;
  }
  if (!(await isFree(directory))) {
    output.error(`${directory} is not an empty directory; nothing was written`);
    return 1;
  }
  const clientCa = await createAuthority({ name: 'talosgate clients', clock });
  const gateway = await clientCa.issueServer('talosgate', names);
  const origin = `${names[0] ?? 'localhost'}/talosgate-audit`;
  const sealKey = generateKey();
  const { vkey } = createSigner(origin, sealKey, 'note').verifier;
  await writeFiles(directory, {
    'talosgate.yaml': open(configText(origin)),
    'secrets/seal.key': secret(sealKey),
    'seal.vkey': open(`${vkey}\n`),
    'pki/client-ca.crt': open(clientCa.certificate),
    'pki/client-ca.key': secret(clientCa.key),
    'pki/gateway.crt': open(gateway.certificate),
    'pki/gateway.key': secret(gateway.key),
    'pki/revoked.txt': open(revokedText),
    'secrets/digest.key': secret(`${clock.random(32).toString('hex')}\n`),
    'secrets/session.key': secret(`${clock.random(32).toString('hex')}\n`),
    'talos/README.md': open(talosText),
    ...(await policyFiles(options.policies, users)),
    ...(await userFiles(clientCa, users, names)),
  });
  for (const line of nextSteps(directory, users)) output.out(line);
  return 0;
}

async function isFree(directory: string): Promise<boolean> {
  try {
    return (await readdir(directory)).length === 0;
  } catch (cause) {
    return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
  }
}

/** The shipped policies without the people of the demo, and a line in waiting for each user. */
async function policyFiles(folder: string, users: readonly PkiUser[]): Promise<Record<string, PlannedFile>> {
  const files: Record<string, PlannedFile> = {};
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isFile() || entry.name.startsWith('demo.')) continue;
    const text = await readFile(join(folder, entry.name), 'utf8');
    files[`policies/${entry.name}`] = open(entry.name === 'policy.csv' ? text + waitingLinks(users) : text);
  }
  return files;
}

function waitingLinks(users: readonly PkiUser[]): string {
  const links = users.map(({ name }) => `# g, ${csvField(`user:${printable(name)}`)}, role:viewer\n`);
  return links.length === 0 ? '' : `\n# These have a talosconfig and no role yet.\n${links.join('')}`;
}

const csvField = (text: string): string => (/[",#]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

async function userFiles(
  authority: Authority,
  users: readonly PkiUser[],
  endpoints: readonly string[],
): Promise<Record<string, PlannedFile>> {
  const files: Record<string, PlannedFile> = {};
  for (const user of users) {
    const leaf = await issueUser(authority, user);
    const text = writeTalosconfig({
      context: 'talosgate',
      endpoints,
      ca: authority.certificate,
      cluster: 'main',
      credential: { kind: 'certificate', ...leaf },
    });
    files[userFile(user)] = secret(text);
  }
  return files;
}

function userFile({ name }: PkiUser): string {
  return `users/${name.replaceAll(/[^A-Za-z0-9@._-]/g, '_')}.talosconfig`;
}

function configText(origin: string): string {
  const tls = { certificate: 'pki/gateway.crt', key: 'pki/gateway.key' };
  const body = writeCommentedYaml({
    listen: {
      grpc: { address: '0.0.0.0:50000', tls, client_ca: 'pki/client-ca.crt' },
      http: { address: '0.0.0.0:8443', tls, client_ca: 'pki/client-ca.crt' },
    },
    identity: { mtls: { revoked: 'pki/revoked.txt' } },
    clusters: [
      {
        name: 'main',
        talos_ca: 'talos/ca.crt',
        client_certificate: 'talos/gateway.crt',
        client_key: 'talos/gateway.key',
        nodes: [
          { name: 'controlplane-1', addresses: ['192.0.2.11'], labels: { role: 'controlplane' } },
          { name: 'worker-1', addresses: ['192.0.2.21'], labels: { role: 'worker' } },
        ],
      },
    ],
    policy: { directory: 'policies' },
    database: {
      url: { env: 'TALOSGATE_DATABASE_URL' },
      reader_url: { env: 'TALOSGATE_READER_URL' },
      sealer_url: { env: 'TALOSGATE_SEALER_URL' },
    },
    audit: { digest_key: { file: 'secrets/digest.key' } },
    sealing: { origin, key: { file: 'secrets/seal.key' }, state: 'state/seal.json' },
    sessions: { key: { file: 'secrets/session.key' } },
  });
  return `# Configuration of talosgate. Paths are relative to this file. What is commented out shows its default.
# docs/configuration.md explains every key; check this file with: talosgate check-config --config talosgate.yaml

${body}`;
}

const revokedText = `# Client certificates that no longer count, one per line: the serial, or the SHA-256 of the public key, in hex.
# The gateway reads this file again within a second. Replace it by renaming a complete file over it.
`;

const talosText = `# The Talos side

Three files belong here, for the cluster \`main\` of talosgate.yaml:

| file | what |
|---|---|
| \`ca.crt\` | CA certificate of the cluster's Talos API |
| \`gateway.crt\` | certificate with which the gateway calls the nodes |
| \`gateway.key\` | its key; mode 0600 |

Make them with a talosconfig that has \`os:admin\`, against one control-plane node:

    talosctl --nodes 192.0.2.11 config new --roles os:impersonator --crt-ttl 8760h gateway.talosconfig
    awk '$1 == "ca:" { print $2 }' gateway.talosconfig | base64 -d > ca.crt
    awk '$1 == "crt:" { print $2 }' gateway.talosconfig | base64 -d > gateway.crt
    (umask 077; awk '$1 == "key:" { print $2 }' gateway.talosconfig | base64 -d > gateway.key)
    rm gateway.talosconfig

\`os:impersonator\` by itself may do nothing. The gateway tells the node with every call which role to apply, and
tells it the lowest one that the call needs. With \`os:admin\` nodes would ignore that, and every call would run as
administrator.

Renew the certificate before it expires (after a year with the line above); check-config warns two weeks ahead.

Then let nobody else reach port 50000 of the nodes (Talos ingress firewall, NetworkRuleConfig): whoever reaches a node
with a talosconfig of their own goes round every rule and record of the gateway.
`;

function nextSteps(directory: string, users: readonly PkiUser[]): string[] {
  return [
    `wrote ${directory}/talosgate.yaml, pki/, secrets/, policies/ and talos/`,
    ...users.map(user => `wrote ${join(directory, userFile(user))}, to be handed to ${user.name}`),
    'next:',
    `  1. ${directory}/talos/README.md: get the CA of your cluster and a certificate with os:impersonator`,
    '  2. clusters in talosgate.yaml: write down your nodes',
    '  3. policies/policy.csv: say which groups and people have which role; nobody but its groups has one yet',
    '  4. set TALOSGATE_DATABASE_URL, TALOSGATE_READER_URL and TALOSGATE_SEALER_URL, and run talosgate migrate',
    `  5. talosgate check-config --config ${directory}/talosgate.yaml`,
    'give seal.vkey to auditors and witnesses: with it they can tell whether the audit log was changed',
    'keep pki/client-ca.key off the gateway: it only issues certificates, the gateway never reads it',
  ];
}

function open(text: string): PlannedFile {
  return { text, secret: false };
}

function secret(text: string): PlannedFile {
  return { text, secret: true };
}
