import { GateError } from '../core/gate-error.ts';
import type { Detour, Endpoint } from '../core/target.ts';
import type { Channel } from './channel.ts';
import { passedOn } from './metadata.ts';

/** Connections to nodes that are dialled. */
export interface Dialler {
  peek(endpoint: Endpoint): Channel | undefined;
  /** Rejects with GateError `upstream-unavailable` or `cancelled`. */
  acquire(endpoint: Endpoint, signal?: AbortSignal): Promise<Channel>;
}

/** A channel to a node behind a control-plane node that is connected already. */
export function peekDetour(dialler: Dialler, target: Endpoint, detour: Detour): Channel | undefined {
  for (const endpoint of inTurn(target, detour)) {
    const channel = dialler.peek(endpoint);
    if (channel !== undefined) return behind(channel, target, detour);
  }
  return undefined;
}

/**
 * The same, connecting when needed: all control-plane nodes are tried at once and the first that answers is taken, so
 * that one that is away costs nobody any time. Rejects with GateError `upstream-unavailable` when none answers, or
 * `cancelled`.
 */
export async function acquireDetour(
  dialler: Dialler,
  target: Endpoint,
  detour: Detour,
  signal?: AbortSignal,
): Promise<Channel> {
  const attempts = detour.endpoints.map(endpoint => dialler.acquire(endpoint, signal));
  try {
    return behind(await Promise.any(attempts), target, detour);
  } catch (thrown) {
    const errors = thrown instanceof AggregateError ? (thrown.errors as readonly unknown[]) : [thrown];
    const [first] = errors.map(error => GateError.from(error));
    if (signal?.aborted === true && first !== undefined) throw first;
    const message = `node ${target.node} cannot be reached: no control-plane node of ${target.cluster} answers`;
    throw new GateError('upstream-unavailable', `${message} (${first?.message ?? 'none is known'})`, { cause: thrown });
  }
}

/** Calls to one node keep to one way while it stands; those to several nodes spread. */
function inTurn({ node }: Endpoint, { endpoints }: Detour): readonly Endpoint[] {
  if (endpoints.length < 2) return endpoints;
  let sum = 0;
  for (let at = 0; at < node.length; at++) sum += node.charCodeAt(at);
  const first = sum % endpoints.length;
  return [...endpoints.slice(first), ...endpoints.slice(0, first)];
}

function behind(channel: Channel, { cluster, node }: Endpoint, { as }: Detour): Channel {
  return {
    cluster,
    node,
    connection: channel.connection,
    open: (headers, onClose) => channel.open(passedOn(headers, as), onClose),
  };
}
