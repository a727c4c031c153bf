import type { RunningCall } from './calls.ts';
import type { Leg } from './leg.ts';
import type { CallStages } from './stages.ts';

/** Nodes that one request may be compared for; the records of others say nothing about changes. */
const mostLegs = 64;

/** Compares the configuration in a request, if there is one, with what each of its nodes was last given. Never rejects. */
export async function noteChanges(
  call: RunningCall,
  legs: readonly Leg[],
  stages: Pick<CallStages, 'configurations'>,
): Promise<void> {
  const data = call.facts?.configuration;
  if (data === undefined || stages.configurations === undefined) return;
  const reading = stages.configurations.read(data);
  const details = await Promise.all(
    legs.slice(0, mostLegs).map(async leg => [leg.index, await reading.describe(leg.target)] as const),
  );
  call.changes = { reading, details: new Map(details) };
}

/** A configuration that a node took and keeps is what later ones are compared with; a trial or dry run is not. */
export async function rememberApplied(call: RunningCall, leg: Leg): Promise<void> {
  const summary = call.facts?.summary;
  if (call.changes === undefined || summary?.['dry_run'] !== false || summary['mode'] === 'try') return;
  await call.changes.reading.applied(leg.target, call.id);
}
