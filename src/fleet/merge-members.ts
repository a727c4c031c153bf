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
 * whose name is none, that say no role, or that claim a name or an address that another one claims too, are left out: a
 * member that was taken over could otherwise take another one's place.
 */
export function mergeMembers(
  configured: readonly NodeSettings[],
  members: readonly Member[],
  labels: Readonly<Record<string, string>>,
): MergedMembers {
  const known = new Set(configured.flatMap(keysOf));
  const nodes: NodeSettings[] = [];
  const problems: string[] = [];
  const candidates = members
    .toSorted((a, b) => (a.hostname < b.hostname ? -1 : 1))
    .map(member => ({ member, node: nodeOf(member, labels) }))
    .map(candidate => ({ ...candidate, keys: [...new Set(keysOf(candidate.node))] }))
    .filter(({ keys }) => !keys.some(key => known.has(key)));
  const claims = new Map<string, number>();
  for (const key of candidates.flatMap(({ keys }) => keys)) claims.set(key, (claims.get(key) ?? 0) + 1);
  for (const { member, node, keys } of candidates) {
    const problem = problemOf(
      member,
      node,
      keys.find(key => (claims.get(key) ?? 0) > 1),
    );
    if (problem === undefined && nodes.length < maxMembers) {
      nodes.push(node);
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
  if (claimed !== undefined) return `${claimed} is claimed by another member too`;
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
