import { setTimeout as sleep } from 'node:timers/promises';
import type { Approval } from '../core/approval.ts';
import { GateError } from '../core/gate-error.ts';
import { printable } from '../core/printable.ts';
import type { RunningCall } from './calls.ts';
import type { Leg } from './leg.ts';
import type { CallStages, Refusal } from './stages.ts';

/**
 * Connects to the nodes of legs that have a grant, before it is used: a grant is good once, and must not be spent on a
 * node that is away. Gives the refusal for the first one that cannot be reached.
 */
export async function reachNodes(
  call: RunningCall,
  legs: readonly Leg[],
  stages: Pick<CallStages, 'channels'>,
): Promise<Refusal | undefined> {
  for (const leg of legs) {
    if (leg.grant === undefined || stages.channels.peek(leg.target) !== undefined) continue;
    try {
      await stages.channels.acquire(leg.target, call.gone.signal);
    } catch (thrown) {
      const { code, message } = GateError.from(thrown);
      if (code !== 'upstream-unavailable') throw thrown;
      const { id, expiresAt } = leg.grant;
      const until = new Date(expiresAt).toISOString().slice(0, 19);
      const error = new GateError(
        code,
        `${message}; nothing was started, approval ${id} can still be used until ${until}Z: run the same again`,
      );
      return { reason: 'node-unreachable', error, legs: [leg], details: { approval: id } };
    }
  }
  return undefined;
}

/** Longest time between two looks at a grant while the database is away, in milliseconds. */
const retryMs = 500;

/**
 * Ends the call when somebody, on any replica, revokes a grant that it runs on, or when its time is over. Call what it
 * gives when the call has ended.
 */
export function watchGrants(call: RunningCall, legs: readonly Leg[], stages: CallStages): () => void {
  const over = new AbortController();
  for (const { grant } of legs) {
    if (grant === undefined) continue;
    void untilRevoked(call, grant, over.signal, stages);
    // A shell has its own watch, which knows both limits.
    if (grant.sessionMs === undefined || call.method?.risk === 'shell') continue;
    const timer = setTimeout(() => stop(call, `approval ${grant.id} allows no more time for this`), grant.sessionMs);
    over.signal.addEventListener('abort', () => clearTimeout(timer));
  }
  return () => over.abort();
}

async function untilRevoked(call: RunningCall, grant: Approval, over: AbortSignal, stages: CallStages): Promise<void> {
  while (!isAborted(over)) {
    try {
      const { id, state, endedBy } = await stages.approvals.store.waitForChange(grant.id, 'claimed', over);
      if (state === 'revoked') stop(call, `${printable(endedBy, 100)} revoked approval ${id} and ended this`);
      if (state === 'lost') stop(call, `approval ${id} counts as lost, because this gateway was silent for too long`);
      return;
    } catch (thrown) {
      if (GateError.from(thrown).code === 'draining') return;
      // The database is away: what is revoked elsewhere meanwhile is seen when it is back.
      await sleep(retryMs, undefined, { signal: over }).catch(() => undefined);
    }
  }
}

function stop(call: RunningCall, why: string): void {
  const error = new GateError('conflict', `${why}; run the same again to ask anew`);
  call.kill.abort(error);
  call.gone.abort(error);
}

/** A call, because the compiler takes `aborted` for settled once it was looked at. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
