import { createStreamGuard } from '../catalog/stream-guard.ts';
import type { Approval } from '../core/approval.ts';
import type { AuditRecord } from '../core/audit-record.ts';
import { GateError } from '../core/gate-error.ts';
import { type GrpcStatus, grpcCodeName, grpcCodes } from '../core/grpc.ts';
import { encodeFrame } from '../core/grpc-frame.ts';
import type { RelayResult } from '../core/relay-result.ts';
import { type Leg as FanOutLeg, fanOut } from '../upstream/fan-out.ts';
import { type UpstreamHeaders, upstreamHeaders } from '../upstream/metadata.ts';
import { relay } from '../upstream/relay.ts';
import { actedFrom, outcomeRecord } from './call-records.ts';
import type { RunningCall } from './calls.ts';
import { denialText } from './decide-legs.ts';
import { statusOf } from './grpc-status.ts';
import type { Leg } from './leg.ts';
import { refuse } from './respond.ts';
import type { SessionLimits } from './session-limits.ts';
import { recordAhead, type ShellSession, startShell } from './shell-session.ts';
import type { Admitted, CallStages, Granted } from './stages.ts';

/** How long the status of a call that changed or revealed something waits for its outcome to be durable, ms. */
const outcomeHoldMs = 2000;

/**
 * Sends an admitted call, whose intents are durable, to its nodes and the replies back; writes one outcome for each
 * leg. Gives the status that the caller got.
 */
export async function forward(
  call: RunningCall,
  admitted: Admitted,
  granted: Granted,
  stages: CallStages,
): Promise<GrpcStatus> {
  const late = lateness(call, stages);
  if (late !== undefined) return await giveUp(call, admitted, statusOf(late), stages);
  if (admitted.route.kind === 'aggregate') return await forwardMany(call, admitted, granted, stages);
  const leg = granted.legs[0];
  if (leg === undefined) throw new GateError('internal', 'a route without a target');
  return await forwardOne(call, admitted, granted, leg, stages);
}

async function forwardOne(
  call: RunningCall,
  admitted: Admitted,
  granted: Granted,
  leg: Leg,
  stages: CallStages,
): Promise<GrpcStatus> {
  const { method, facts, body } = admitted;
  let channel = stages.channels.peek(leg.target);
  if (channel === undefined) {
    try {
      channel = await stages.channels.acquire(leg.target, call.gone.signal);
    } catch (thrown) {
      return await giveUp(call, admitted, statusOf(GateError.from(thrown)), stages);
    }
  }
  const guard = createStreamGuard(method);
  let session: ShellSession | undefined;
  try {
    if (method.risk === 'shell') {
      session = await startShell(call, admitted, granted, leg, limitsOf(leg, stages), stages, guard);
    }
  } catch (thrown) {
    return await giveUp(call, admitted, statusOf(GateError.from(thrown)), stages);
  }
  const first = encodeFrame(facts.canonical);
  const write = outcomeWriter(call, admitted, stages);
  const held = facts.risk !== 'read';
  const result = await relay({
    downstream: call.incoming.stream,
    channel,
    headers: headersFor(call, admitted, leg, guard === undefined, session === undefined, stages),
    firstFrame: granted.replay.length === 0 ? first : Buffer.concat([first, ...granted.replay]),
    body,
    requestEncoding: call.incoming.head.ok ? call.incoming.head.encoding : undefined,
    inspectRequestMessage: session?.onRequest ?? guard,
    inspectResponseMessage: session?.onReply,
    inspectAhead: session === undefined ? 0 : recordAhead,
    deadline: call.deadline,
    clock: stages.clock,
    signal: call.kill.signal,
    beforeTrailers: held
      ? outcome => {
          session?.over(outcome);
          return write(leg, session?.settle(outcome) ?? outcome, session?.details());
        }
      : undefined,
  });
  session?.over(result);
  if (call.openLegs.has(leg.index)) void write(leg, session?.settle(result) ?? result, session?.details());
  return result.status;
}

async function forwardMany(
  call: RunningCall,
  admitted: Admitted,
  granted: Granted,
  stages: CallStages,
): Promise<GrpcStatus> {
  const { method, facts, body } = admitted;
  const write = outcomeWriter(call, admitted, stages);
  const written: Promise<void>[] = [];
  const guard = createStreamGuard(method);
  const legs = granted.legs.map((leg): FanOutLeg => {
    const hostname = leg.target.asked;
    if (leg.decision.effect === 'deny') {
      return { hostname, refusal: { code: grpcCodes.PERMISSION_DENIED, message: denialText(call, leg, stages) } };
    }
    const channel = stages.channels.peek(leg.target) ?? stages.channels.acquire(leg.target, call.gone.signal);
    return { hostname, channel, headers: headersFor(call, admitted, leg, guard === undefined, false, stages) };
  });
  const result = await fanOut({
    downstream: call.incoming.stream,
    kind: method.kind,
    legs,
    firstFrame: encodeFrame(facts.canonical),
    body,
    requestEncoding: call.incoming.head.ok ? call.incoming.head.encoding : undefined,
    inspectRequestMessage: guard,
    deadline: call.deadline,
    clock: stages.clock,
    signal: call.kill.signal,
    onLegEnd: (index, outcome) => {
      const leg = granted.legs[index];
      if (leg !== undefined) written.push(write(leg, outcome));
    },
    beforeTrailers: facts.risk === 'read' ? undefined : () => Promise.all(written).then(() => undefined),
  });
  return result.status;
}

function headersFor(
  call: RunningCall,
  admitted: Admitted,
  leg: Leg,
  rawRequest: boolean,
  rawReply: boolean,
  stages: CallStages,
): UpstreamHeaders {
  const { head } = call.incoming;
  return upstreamHeaders({
    path: admitted.method.path,
    authority: leg.target.node,
    callId: call.id,
    roles: [leg.talosRole],
    timeoutMs: call.deadline === undefined ? undefined : Math.max(1, call.deadline - stages.clock.now()),
    encoding: rawRequest && head.ok ? head.encoding : undefined,
    acceptEncoding: rawReply && head.ok ? head.acceptEncoding : undefined,
  });
}

/** A rule may allow a shell less time than the configuration does. */
function limitsOf(leg: Leg, stages: CallStages): SessionLimits {
  const { limits } = stages.approvals;
  return { ...limits, sessionMs: Math.min(limits.sessionMs, leg.grant?.sessionMs ?? limits.sessionMs) };
}

type WriteOutcome = (leg: Leg, result: RelayResult, details?: AuditRecord['details']) => Promise<void>;

/** Writes each leg's outcome once. The promise resolves when it is durable, or after two seconds in any case. */
function outcomeWriter(call: RunningCall, admitted: Admitted, stages: CallStages): WriteOutcome {
  const started = call.incoming.receivedMonotonic;
  return (leg, result, details) => {
    if (!call.openLegs.delete(leg.index)) return Promise.resolve();
    const durationUs = stages.clock.monotonic() - started;
    // A log that cannot even queue it reports that itself; the caller gets the true status all the same.
    const patient = admitted.facts.risk === 'read';
    const durable = stages.audit
      .enqueue(outcomeRecord(call, leg, result, durationUs, details), { patient })
      .catch(() => undefined);
    if (leg.grant !== undefined) endGrant(leg.grant, call, result, stages);
    if (patient) return durable;
    return Promise.race([durable, pause(outcomeHoldMs)]);
  };
}

/** What ran on the grant is over. Nobody waits for it: the claim is what keeps a grant from being used again. */
export function endGrant(grant: Approval, call: RunningCall, result: RelayResult, stages: CallStages): void {
  const why = `${result.endCause}: ${grpcCodeName(result.status.code)}`;
  stages.approvals.store.end(grant.id, { how: 'ended', why }, actedFrom(call)).catch((thrown: unknown) => {
    // Revoked or lost before: its end is on record already.
    if (GateError.from(thrown).code !== 'conflict') stages.report(thrown, call.id);
  });
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, ms).unref();
  });
}

/** Ends a call whose intents are written but of which nothing was sent. */
async function giveUp(
  call: RunningCall,
  admitted: Admitted,
  status: GrpcStatus,
  stages: CallStages,
): Promise<GrpcStatus> {
  const write = outcomeWriter(call, admitted, stages);
  const nothing = { requestBytes: 0, requestMessages: 0, responseBytes: 0, responseMessages: 0, forwarded: false };
  const written = [...call.openLegs.values()].map(leg => write(leg, { status, endCause: 'not-forwarded', ...nothing }));
  if (admitted.facts.risk !== 'read') await Promise.all(written);
  refuse(call.incoming.stream, status);
  return status;
}

function lateness(call: RunningCall, stages: CallStages): GateError | undefined {
  if (call.gone.signal.aborted) return GateError.from(call.gone.signal.reason);
  if (call.deadline !== undefined && call.deadline <= stages.clock.now()) {
    return new GateError('deadline-exceeded', 'the deadline passed before the call could be forwarded');
  }
  return undefined;
}
