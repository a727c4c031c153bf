import type { Clock } from '../../core/clock.ts';
import { type Authority, createAuthority, type Leaf } from './authority.ts';

/** Somebody who shall have a client certificate. */
export interface PkiUser {
  /** E-mail address: the name that policy uses. Without `@` it becomes the common name only. */
  readonly name: string;
  readonly groups?: readonly string[];
}

interface PkiNode {
  readonly name: string;
  /** Further DNS names and IP addresses of the node. */
  readonly names?: readonly string[];
}

export interface PkiOptions {
  readonly clock: Clock;
  /** DNS names and IP addresses under which clients reach the gateway. */
  readonly gatewayNames: readonly string[];
  readonly users?: readonly PkiUser[];
  /** Talos side, for simulated nodes. */
  readonly nodes?: readonly PkiNode[];
  /** Of the client side; the Talos side is Ed25519, as Talos makes it. */
  readonly algorithm?: 'p256' | 'ed25519';
}

/** Everything with which a gateway, its users and its nodes recognise one another. */
export interface Pki {
  /** Issues certificates of users, and the gateway's server certificate. */
  readonly clientCa: Authority;
  readonly gateway: Leaf;
  readonly users: ReadonlyMap<string, Leaf>;
  /** Stands for the CA of a Talos cluster. */
  readonly talosCa: Authority;
  readonly nodes: ReadonlyMap<string, Leaf>;
  /** With what the gateway calls the nodes: os:impersonator, exactly clientAuth. */
  readonly upstream: Leaf;
}

/** Makes both sides of a deployment, in memory. Each authority is new and knows nothing of the other. */
export async function makePki(options: PkiOptions): Promise<Pki> {
  const { clock, algorithm = 'p256' } = options;
  const clientCa = await createAuthority({ name: 'talosgate clients', clock, algorithm });
  const talosCa = await createAuthority({ name: 'talos', clock, algorithm: 'ed25519' });
  const users = new Map<string, Leaf>();
  for (const user of options.users ?? []) users.set(user.name, await issueUser(clientCa, user));
  const nodes = new Map<string, Leaf>();
  for (const { name, names = [] } of options.nodes ?? []) {
    nodes.set(name, await talosCa.issueServer(name, [...new Set([name, ...names])]));
  }
  return {
    clientCa,
    gateway: await clientCa.issueServer('talosgate', options.gatewayNames),
    users,
    talosCa,
    nodes,
    upstream: await talosCa.issueClient({ commonName: 'talosgate', organizations: ['os:impersonator'] }),
  };
}

/** Issues the certificate of one user: groups as organizations, an address as e-mail SAN. */
export function issueUser(authority: Authority, { name, groups = [] }: PkiUser): Promise<Leaf> {
  return authority.issueClient({
    commonName: name,
    organizations: groups,
    ...(name.includes('@') ? { email: name } : {}),
  });
}
