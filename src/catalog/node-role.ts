import type { Method, RequestFacts } from '../core/method.ts';
import { isOlder } from '../core/talos-version.ts';

/** True when nodes of different versions ask for different roles to serve this request. */
export function roleVaries(method: Method, facts: RequestFacts): boolean {
  // What content has raised needs os:admin on every version.
  return method.earlierRoles.length > 0 && facts.leastRole === method.leastRole;
}

/**
 * The least Talos role with which a node of this version serves the request. A node whose version is not known is
 * told the role of the newest one: never more than the method needs, so that an older node refuses at worst.
 */
export function nodeRole(method: Method, facts: RequestFacts, version: string | undefined): string {
  let role = facts.leastRole;
  if (version === undefined || !roleVaries(method, facts)) return role;
  for (const earlier of method.earlierRoles) if (isOlder(version, earlier.before)) role = earlier.leastRole;
  return role;
}
