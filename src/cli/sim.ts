import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { GateError } from '../core/gate-error.ts';
import { type SimCluster, type SimNodeSettings, startSimCluster } from '../sim/sim.ts';
import { type CliContext, untilStopped } from './context.ts';
import { readText, readYaml } from './read-file.ts';

/** One node in a file for `talosgate sim`. Paths are relative to the file. */
interface SimFileNode {
  readonly name: string;
  readonly cluster: string;
  readonly role: 'controlplane' | 'worker';
  readonly address: string;
  readonly listen: string;
  readonly certificate: string;
  readonly key: string;
  readonly client_ca: string;
  readonly talos_version?: string;
}

const required = ['name', 'cluster', 'role', 'address', 'listen', 'certificate', 'key', 'client_ca'] as const;

/** `talosgate sim`: simulated Talos nodes, for trying things out. */
export function simCommand(parent: Command, context: CliContext): void {
  parent
    .command('sim <file>')
    .description('run simulated Talos nodes; the demo writes such a file')
    .action(async (file: string) => {
      const cluster = await startSimFile(file, context);
      for (const node of cluster.nodes) context.output.out(`${node.name} listens on ${node.dial}`);
      await untilStopped();
      await cluster.close();
    });
}

/** Starts the nodes that a file describes. Mistakes name the file and the entry. */
async function startSimFile(file: string, context: Pick<CliContext, 'clock'>): Promise<SimCluster> {
  const value = readYaml(file);
  const entries = typeof value === 'object' && value !== null && 'nodes' in value ? value.nodes : undefined;
  if (!Array.isArray(entries)) throw new GateError('bad-config', `${file}: expected a list under "nodes"`);
  const folder = dirname(resolve(file));
  const nodes = entries.map((entry, index) => toSettings(entry, index, file, folder));
  return await startSimCluster({ clock: context.clock, nodes });
}

function toSettings(entry: unknown, index: number, file: string, folder: string): SimNodeSettings {
  const node = (entry ?? {}) as Partial<SimFileNode>;
  for (const key of required) {
    if (typeof node[key] !== 'string') throw new GateError('bad-config', `${file}: nodes.${index}.${key} is missing`);
  }
  const whole = node as SimFileNode;
  const read = (path: string): string => readText(resolve(folder, path));
  return {
    name: whole.name,
    cluster: whole.cluster,
    role: whole.role,
    address: whole.address,
    listen: whole.listen,
    tls: {
      certificate: read(whole.certificate),
      key: read(whole.key),
      clientCa: read(whole.client_ca),
    },
    ...(whole.talos_version === undefined ? {} : { talosVersion: whole.talos_version }),
  };
}
