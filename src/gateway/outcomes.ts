import type { AuditRecord } from '../core/audit-record.ts';
import { grpcCodeName, grpcCodes } from '../core/grpc.ts';
import type { ExtraTrailers, RelayResult } from '../core/relay-result.ts';
import { actedFrom, outcomeRecord } from './call-records.ts';
import type { RunningCall } from './calls.ts';
import { rememberApplied } from './config-changes.ts';
import type { Leg } from './leg.ts';
import type { CallStages } from './stages.ts';

/** How long the status of a call that changed or revealed something waits for its outcome to be durable, ms. */
const outcomeHoldMs = 2000;

/** Trailer of a status that went out before its outcome was durable; its value is the call id. */
const pendingTrailer = 'outcome-pending';

/** What became of a leg's outcome: `pending` when it was not durable in time, or cannot be. */
type Written = 'durable' | 'pending';

/**
 * Writes the outcome of one leg, once, and ends its grant. For a call that changes, reveals or opens something the promise
 * says after at most two seconds whether the outcome is durable; for a read nobody should wait.
 */
export type WriteOutcome = (leg: Leg, result: RelayResult, details?: AuditRecord['details']) => Promise<Written>;

/** The writer of one call's outcomes. Durations count from the arrival of the call. */
export function outcomeWriter(call: RunningCall, risk: AuditRecord['risk'], stages: CallStages): WriteOutcome {
  const started = call.incoming.receivedMonotonic;
  const patient = risk === 'read';
  return (leg, result, details) => {
    if (!call.openLegs.delete(leg.index)) return Promise.resolve('durable');
    const durationUs = stages.clock.monotonic() - started;
    const remembered = result.status.code === grpcCodes.OK ? rememberApplied(call, leg) : Promise.resolve();
    const written = stages.audit.enqueue(outcomeRecord(call, leg, result, durationUs, details), { patient });
    const durable = Promise.all([written, remembered]).then(
      (): Written => 'durable',
      // A log that cannot even queue it reports that itself; the caller gets the true status all the same.
      (): Written => 'pending',
    );
    if (leg.grant !== undefined) {
      const why = `${result.endCause}: ${grpcCodeName(result.status.code)}`;
      stages.grantEnds.add(leg.grant.id, why, actedFrom(call));
    }
    return patient ? durable : Promise.race([durable, pendingAfter(outcomeHoldMs)]);
  };
}

/** Trailers that say so, and the alarm, when one of a call's outcomes is not durable although its status goes out. */
export function pendingTrailers(
  call: RunningCall,
  written: readonly Written[],
  stages: Pick<CallStages, 'onOutcomePending'>,
): ExtraTrailers | undefined {
  if (!written.includes('pending')) return undefined;
  stages.onOutcomePending(call.id);
  return { [pendingTrailer]: call.id };
}

function pendingAfter(ms: number): Promise<Written> {
  return new Promise(resolve => {
    setTimeout(() => resolve('pending'), ms).unref();
  });
}
