import type { Member } from '../core/member.ts';
import { printable } from '../core/printable.ts';
import { type NodeSettings, plainNodeName, spellingsOf } from './config.ts';
import { readNodeSpelling } from './node-names.ts';

/** Nodes that only the cluster itself told of, and what of its list could not be used. */
export interface MergedMembers {
  readonly nodes: readonly NodeSettings[];
  /** One text for each member that is left out, safe to show. */
  readonly problems: readonly string[];
}

/** Most members that one cluster may add. */
export const maxMembers = 1000;

/**
 * What a cluster's own list adds to the configured nodes. A member that shares any name or address with a configured
 * node is that node and adds nothing to it: the configuration says how it is called, dialled and recognised. Members
 * whose name is none, that say no role, or that claim what another one has already, are left out.
 */
export function mergeMembers(
  configured: readonly NodeSettings[],
  members: readonly Member[],
  labels: Readonly<Record<string, string>>,
): MergedMembers {
  const taken = new Set(configured.flatMap(keysOf));
  const known = new Set(taken);
  const nodes: NodeSettings[] = [];
  const problems: string[] = [];
  // By name, so that the order of the list never decides who keeps an address that two of them claim.
  for (const member of members.toSorted((a, b) => (a.hostname < b.hostname ? -1 : 1))) {
    const node = nodeOf(member, labels);
    const keys = keysOf(node);
    if (keys.some(key => known.has(key))) continue;
    const problem = problemOf(
      member,
      node,
      keys.find(key => taken.has(key)),
    );
    if (problem === undefined && nodes.length < maxMembers) {
      nodes.push(node);
      for (const key of keys) taken.add(key);
    } else {
      problems.push(`member ${printable(member.hostname, 80)}: ${problem ?? `more than ${maxMembers} members`}`);
    }
  }
  return { nodes, problems };
}

function nodeOf({ hostname, addresses, role }: Member, labels: Readonly<Record<string, string>>): NodeSettings {
  const read = readNodeSpelling(hostname);
  return {
    name: read.ok ? read.key : hostname,
    addresses: addresses.filter(address => isAddress(address)),
    aliases: [],
    labels: { ...labels, ...(role === undefined ? {} : { role }) },
  };
}

function problemOf(member: Member, node: NodeSettings, claimed: string | undefined): string | undefined {
  const read = readNodeSpelling(member.hostname);
  if (!read.ok || read.kind !== 'name' || !plainNodeName.test(node.name))
    return 'its name is none that a node can have';
  if (node.addresses.length === 0) return 'it has no address';
  if (member.role === undefined) return 'it does not say whether it is a control-plane node or a worker';
  if (claimed !== undefined) return `${claimed} belongs to another member already`;
  return undefined;
}

function isAddress(text: string): boolean {
  const read = readNodeSpelling(text);
  return read.ok && read.kind !== 'name';
}

/** Every spelling of a node in the form in which spellings are compared. */
export function keysOf(node: NodeSettings): string[] {
  return spellingsOf(node).flatMap(({ text }) => {
    const read = readNodeSpelling(text);
    return read.ok ? [read.key] : [];
  });
}
