import { claimedRecord } from '../approvals/records.ts';
import type { DenyReason } from '../core/decision.ts';
import { GateError } from '../core/gate-error.ts';
import { type GrpcStatus, grpcCodeName, grpcCodes } from '../core/grpc.ts';
import type { UnknownNode } from '../core/target.ts';
import { admit } from './admit.ts';
import { obtainGrants } from './approvals.ts';
import { actedFrom, denyRecord, intentRecord, outcomeRecord, unknownNodeRecord } from './call-records.ts';
import { endOf, type RunningCall } from './calls.ts';
import { noteChanges } from './config-changes.ts';
import { decideLegs, denialOf, denialText, unknownNodeStatus, unknownNodes } from './decide-legs.ts';
import { forward } from './forward.ts';
import { reachNodes, watchGrants } from './grants.ts';
import { statusOf } from './grpc-status.ts';
import { refuseShell } from './held-debug.ts';
import type { Leg } from './leg.ts';
import type { IncomingCall } from './listener.ts';
import { chooseRoles } from './node-roles.ts';
import { refuse } from './respond.ts';
import type { CallStages, Refusal } from './stages.ts';

/**
 * One call from its arrival to its end: catalog, identity, fleet, policy, approvals, audit, upstream, audit. This is
 * the only place that knows the order. Never rejects. Nothing is forwarded unless its intent is durable.
 */
export async function handleCall(incoming: IncomingCall, stages: CallStages): Promise<void> {
  const call = stages.calls.begin(incoming);
  let unwatch = (): void => undefined;
  try {
    const admitted = await admit(call, stages);
    if (!admitted.ok) {
      await refuseCall(call, admitted.refusal, stages);
      return;
    }
    const decided = decideLegs(call, admitted.value, stages);
    await noteChanges(call, decided, stages);
    const denial = denialOf(call, admitted.value, decided, stages);
    if (denial !== undefined) {
      await refuseCall(call, denial, stages);
      return;
    }
    const granted = await obtainGrants(call, admitted.value, decided, stages);
    if (!granted.ok) {
      await refuseCall(call, granted.refusal, stages);
      return;
    }
    const crowded = holdLegs(call, granted.value.legs, stages);
    if (crowded !== undefined) {
      await refuseCall(call, crowded, stages);
      return;
    }
    const unreachable = await reachNodes(call, granted.value.legs, stages);
    if (unreachable !== undefined) {
      await refuseCall(call, unreachable, stages);
      return;
    }
    const legs = await chooseRoles(call, admitted.value, granted.value.legs, stages);
    await recordIntents(call, legs, unknownNodes(admitted.value), stages);
    unwatch = watchGrants(call, legs, stages);
    const status = await forward(call, admitted.value, { ...granted.value, legs }, stages);
    observe(call, 'allow', undefined, status.code, stages);
  } catch (thrown) {
    failCall(call, thrown, stages);
  } finally {
    unwatch();
    stages.calls.end(call);
  }
}

/** A caller who has too much open already is refused before anything of the call is recorded as allowed. */
function holdLegs(call: RunningCall, legs: readonly Leg[], stages: CallStages): Refusal | undefined {
  try {
    stages.calls.holdLegs(call, legs.filter(leg => leg.decision.effect !== 'deny').length);
    return undefined;
  } catch (thrown) {
    const error = GateError.from(thrown);
    if (error.code !== 'overloaded') throw thrown;
    return { reason: 'overloaded', error, legs: [] };
  }
}

/**
 * Writes the intents of the allowed legs and the denials of the others and of unknown nodes, and waits until they are durable. A leg with a
 * grant claims it in the transaction of its intent.
 */
async function recordIntents(
  call: RunningCall,
  legs: readonly Leg[],
  unknown: readonly UnknownNode[],
  stages: CallStages,
): Promise<void> {
  const started = stages.clock.monotonic();
  call.gone.signal.throwIfAborted();
  const options = { signal: call.gone.signal, ...(call.deadline === undefined ? {} : { deadline: call.deadline }) };
  call.intentAsked = true;
  const plain = legs.filter(leg => leg.grant === undefined);
  if (plain.length + unknown.length > 0) {
    const lost = unknown.map(node => unknownNodeRecord(call, node, unknownNodeStatus(node)));
    await stages.audit.append([...plain.map(leg => legRecord(call, leg, stages)), ...lost], options);
    for (const leg of plain) if (leg.decision.effect === 'allow') call.openLegs.set(leg.index, leg);
  }
  for (const leg of legs) {
    if (leg.grant === undefined) continue;
    const { id, binding, requester } = leg.grant;
    await stages.audit.appendClaim(
      [claimedRecord(leg.grant, call.id, actedFrom(call)), intentRecord(call, leg)],
      { approvalId: id, binding, requester },
      options,
    );
    call.openLegs.set(leg.index, leg);
  }
  call.intentUs = stages.clock.monotonic() - started;
}

function legRecord(call: RunningCall, leg: Leg, stages: CallStages): ReturnType<typeof intentRecord> {
  const { decision } = leg;
  if (decision.effect === 'allow') return intentRecord(call, leg);
  if (decision.effect === 'approve') throw new GateError('internal', 'a leg that needs approval came without a grant');
  const status = { code: grpcCodes.PERMISSION_DENIED, message: denialText(call, leg, stages) };
  return denyRecord(call, decision.reason, status, leg, undefined);
}

/**
 * Records a refusal, then tells the caller. When it cannot be recorded, the caller is told that instead. Refusals of
 * strangers may be counted instead of recorded one by one.
 */
async function refuseCall(call: RunningCall, refusal: Refusal, stages: CallStages): Promise<void> {
  const status = statusOf(refusal.error);
  const legs = refusal.legs.length === 0 ? [undefined] : refusal.legs;
  const [first, ...others] = legs.map(leg => denyRecord(call, refusal.reason, status, leg, refusal.details));
  try {
    if (first !== undefined && call.principal === undefined) await stages.refusals.stranger(first);
    else if (first !== undefined) await stages.audit.append([first, ...others]);
  } catch (thrown) {
    failCall(call, thrown, stages);
    return;
  }
  answer(call, status, refusal.answered === true);
  observe(call, 'deny', refusal.reason, status.code, stages);
}

/** A shell is refused in its terminal, everything else by status alone. */
function answer(call: RunningCall, status: GrpcStatus, answered: boolean): void {
  if (call.method?.risk === 'shell' && call.facts !== undefined) refuseShell(call, status, answered);
  else refuse(call.incoming.stream, status);
}

/**
 * The end of a call that broke in here: the log is away, the client has gone, or a bug. Legs with an intent get their
 * outcome; a call without one leaves a denial if the log takes it, else it is counted.
 */
function failCall(call: RunningCall, thrown: unknown, stages: CallStages): void {
  const error = endOf(call, GateError.from(thrown));
  if (error.code === 'internal') stages.report(thrown, call.id);
  const status = statusOf(error);
  const reason = failureReason(error);
  for (const leg of call.openLegs.values()) {
    void stages.audit.enqueue(outcomeRecord(call, leg, notForwarded(status), 0));
    if (leg.grant !== undefined) {
      stages.grantEnds.add(leg.grant.id, `not-forwarded: ${grpcCodeName(status.code)}`, actedFrom(call));
    }
  }
  // Not when the log is away, for there is nothing to write to; nor when an intent may still land, for the log itself
  // ends such an intent as not forwarded.
  const landing = call.intentAsked && GateError.from(thrown).code === 'cancelled';
  if (call.openLegs.size === 0 && reason !== 'audit-unavailable' && !landing) {
    const denial = denyRecord(call, reason, status, undefined, undefined);
    if (call.principal === undefined) stages.refusals.count(denial);
    else stages.audit.enqueue(denial).catch(() => stages.refusals.count(denial));
  }
  call.openLegs.clear();
  answer(call, status, false);
  observe(call, 'deny', reason, status.code, stages);
}

function failureReason(error: GateError): DenyReason {
  switch (error.code) {
    case 'audit-unavailable':
      return 'audit-unavailable';
    case 'overloaded':
      return 'overloaded';
    case 'cancelled':
    case 'deadline-exceeded':
    case 'draining':
      return 'cancelled';
    case 'unauthenticated':
      return 'unauthenticated';
    case 'conflict':
      return 'approval-refused';
    default:
      return 'internal-error';
  }
}

function notForwarded(status: { code: number; message: string }): Parameters<typeof outcomeRecord>[2] {
  return {
    status,
    endCause: 'not-forwarded',
    requestBytes: 0,
    requestMessages: 0,
    responseBytes: 0,
    responseMessages: 0,
    forwarded: false,
  };
}

function observe(
  call: RunningCall,
  decision: 'allow' | 'deny',
  reason: DenyReason | undefined,
  code: number,
  stages: CallStages,
): void {
  stages.observe({
    action: call.facts?.action ?? call.method?.action ?? 'unknown',
    risk: call.facts?.risk ?? call.method?.risk ?? 'unknown',
    decision,
    reason,
    code: grpcCodeName(code),
    seconds: (stages.clock.monotonic() - call.incoming.receivedMonotonic) / 1e6,
    intentSeconds: call.intentUs === undefined ? undefined : call.intentUs / 1e6,
  });
}
