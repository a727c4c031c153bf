import { nodeRole, roleVaries } from '../catalog/node-role.ts';
import type { RunningCall } from './calls.ts';
import type { Leg } from './leg.ts';
import type { Admitted, CallStages } from './stages.ts';

/**
 * The legs with the role that each node is to be told. For the few methods whose role differs between Talos versions
 * the nodes are asked for theirs first, before the intent is written, so that the record states the role that is sent.
 * Rejects when the caller goes away meanwhile.
 */
export async function chooseRoles(
  call: RunningCall,
  { method, facts }: Admitted,
  legs: readonly Leg[],
  stages: Pick<CallStages, 'versions'>,
): Promise<readonly Leg[]> {
  if (!roleVaries(method, facts)) return legs;
  return await Promise.all(
    legs.map(async leg => {
      if (leg.decision.effect === 'deny') return leg;
      const version = await stages.versions.of(leg.target, call.gone.signal);
      return { ...leg, talosRole: nodeRole(method, facts, version) };
    }),
  );
}
