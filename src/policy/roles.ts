import type { Problem } from './problem.ts';
import type { Link } from './rule.ts';

/** Longest chain of links that is accepted; Casbin's role manager follows no more. */
const longestChain = 10;

/** Who is what, transitively. */
export interface Roles {
  /** The subject itself and every role it reaches, without repetition. */
  closure(subject: string): readonly string[];
  /** The shortest chain of links from subject to role; empty when they are the same, undefined when there is none. */
  path(subject: string, role: string): readonly Link[] | undefined;
  readonly subjects: readonly string[];
}

/** Joins links into roles, or says which links make a circle or a chain that is too long. */
export function buildRoles(links: readonly Link[]): { readonly roles: Roles; readonly problems: readonly Problem[] } {
  const outgoing = new Map<string, Link[]>();
  for (const link of links) {
    const known = outgoing.get(link.subject);
    if (known === undefined) outgoing.set(link.subject, [link]);
    else known.push(link);
  }
  const closures = new Map<string, readonly string[]>();
  const closure = (subject: string) => {
    const known = closures.get(subject);
    if (known !== undefined) return known;
    const reached = [subject, ...reach(subject, outgoing).keys()];
    if (outgoing.has(subject)) closures.set(subject, reached);
    return reached;
  };
  const path = (subject: string, role: string) => (subject === role ? [] : trace(subject, role, outgoing));
  return { roles: { closure, path, subjects: [...outgoing.keys()] }, problems: checkChains(links, outgoing) };
}

/** Breadth first: every role that can be reached, with the link that led there first. */
function reach(subject: string, outgoing: ReadonlyMap<string, readonly Link[]>): Map<string, Link> {
  const found = new Map<string, Link>();
  const queue = [subject];
  for (const name of queue) {
    for (const link of outgoing.get(name) ?? []) {
      if (link.role === subject || found.has(link.role)) continue;
      found.set(link.role, link);
      queue.push(link.role);
    }
  }
  return found;
}

function trace(subject: string, role: string, outgoing: ReadonlyMap<string, readonly Link[]>): Link[] | undefined {
  const found = reach(subject, outgoing);
  const chain: Link[] = [];
  for (let at = role; at !== subject; ) {
    const link = found.get(at);
    if (link === undefined) return undefined;
    chain.unshift(link);
    at = link.subject;
  }
  return chain;
}

/** Takes away, layer by layer, the subjects nobody links to; what can never be taken away is in or behind a circle. */
function checkChains(links: readonly Link[], outgoing: ReadonlyMap<string, readonly Link[]>): Problem[] {
  const incoming = new Map<string, number>();
  for (const link of links) incoming.set(link.role, (incoming.get(link.role) ?? 0) + 1);
  let layer = [...outgoing.keys()].filter(subject => !incoming.has(subject));
  for (let depth = 0; layer.length > 0; depth += 1) {
    const next: string[] = [];
    for (const subject of layer) {
      for (const link of outgoing.get(subject) ?? []) {
        if (depth >= longestChain) {
          return [
            problem(link, `the chain of links to ${link.role} is longer than ${longestChain}; link closer to it`),
          ];
        }
        const left = (incoming.get(link.role) ?? 1) - 1;
        if (left > 0) incoming.set(link.role, left);
        else {
          incoming.delete(link.role);
          next.push(link.role);
        }
      }
    }
    layer = next;
  }
  const link = findCircle(links, incoming);
  return link === undefined
    ? []
    : [problem(link, `${link.role} leads back to ${link.subject}; roles must not go in circles`)];
}

/** Every name that is left has a link from another one that is left, so walking backwards must come round. */
function findCircle(links: readonly Link[], left: ReadonlyMap<string, number>): Link | undefined {
  const backwards = new Map(links.filter(link => left.has(link.subject)).map(link => [link.role, link]));
  const visited = new Set<string>();
  let link = backwards.values().next().value;
  while (link !== undefined && !visited.has(link.subject)) {
    visited.add(link.subject);
    link = backwards.get(link.subject);
  }
  return link;
}

function problem(link: Link, message: string): Problem {
  return { file: link.ref.file, line: link.ref.line, column: 1, message };
}
