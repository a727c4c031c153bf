import { createStreamGuard } from '../catalog/stream-guard.ts';
import { GateError } from '../core/gate-error.ts';
import { type GrpcStatus, grpcCodes } from '../core/grpc.ts';
import { encodeFrame } from '../core/grpc-frame.ts';
import { type Leg as FanOutLeg, fanOut } from '../upstream/fan-out.ts';
import { type UpstreamHeaders, upstreamHeaders } from '../upstream/metadata.ts';
import { relay } from '../upstream/relay.ts';
import type { RunningCall } from './calls.ts';
import { denialText, unknownNodeStatus, unknownNodes } from './decide-legs.ts';
import { statusOf } from './grpc-status.ts';
import type { Leg } from './leg.ts';
import { outcomeWriter, pendingTrailers, type WriteOutcome } from './outcomes.ts';
import { refuse } from './respond.ts';
import type { SessionLimits } from './session-limits.ts';
import { recordAhead, type ShellSession, startShell } from './shell-session.ts';
import type { Admitted, CallStages, Granted } from './stages.ts';

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
  const write = outcomeWriter(call, admitted.facts.risk, stages);
  const held = facts.risk !== 'read';
  const result = await relay({
    downstream: call.incoming.stream,
    channel,
    again: () => stages.channels.acquire(leg.target, call.gone.signal),
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
    onCounts: counts => call.flows.push({ leg, counts, toldAt: 0 }),
    beforeTrailers: held
      ? outcome => {
          session?.over(outcome);
          return write(leg, session?.settle(outcome) ?? outcome, session?.details()).then(written =>
            pendingTrailers(call, [written], stages),
          );
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
  const write = outcomeWriter(call, admitted.facts.risk, stages);
  const written: ReturnType<WriteOutcome>[] = [];
  const guard = createStreamGuard(method);
  const known = granted.legs.map((leg): FanOutLeg => {
    const hostname = leg.target.asked;
    if (leg.decision.effect === 'deny') {
      return { hostname, refusal: { code: grpcCodes.PERMISSION_DENIED, message: denialText(call, leg, stages) } };
    }
    const channel = stages.channels.peek(leg.target) ?? stages.channels.acquire(leg.target, call.gone.signal);
    const headers = headersFor(call, admitted, leg, guard === undefined, false, stages);
    return { hostname, channel, headers, again: () => stages.channels.acquire(leg.target, call.gone.signal) };
  });
  const lost = unknownNodes(admitted).map(
    (node): FanOutLeg => ({ hostname: node.asked, refusal: unknownNodeStatus(node) }),
  );
  const result = await fanOut({
    downstream: call.incoming.stream,
    kind: method.kind,
    legs: [...known, ...lost],
    firstFrame: encodeFrame(facts.canonical),
    body,
    requestEncoding: call.incoming.head.ok ? call.incoming.head.encoding : undefined,
    inspectRequestMessage: guard,
    deadline: call.deadline,
    clock: stages.clock,
    signal: call.kill.signal,
    onLegCounts: (index, counts) => {
      const leg = granted.legs[index];
      if (leg !== undefined) call.flows.push({ leg, counts, toldAt: 0 });
    },
    onLegEnd: (index, outcome) => {
      const leg = granted.legs[index];
      if (leg !== undefined) written.push(write(leg, outcome));
    },
    beforeTrailers:
      facts.risk === 'read'
        ? undefined
        : () => Promise.all(written).then(results => pendingTrailers(call, results, stages)),
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

/** Ends a call whose intents are written but of which nothing was sent. */
async function giveUp(
  call: RunningCall,
  admitted: Admitted,
  status: GrpcStatus,
  stages: CallStages,
): Promise<GrpcStatus> {
  const write = outcomeWriter(call, admitted.facts.risk, stages);
  const nothing = { requestBytes: 0, requestMessages: 0, responseBytes: 0, responseMessages: 0, forwarded: false };
  const written = [...call.openLegs.values()].map(leg => write(leg, { status, endCause: 'not-forwarded', ...nothing }));
  const metadata =
    admitted.facts.risk === 'read' ? undefined : pendingTrailers(call, await Promise.all(written), stages);
  refuse(call.incoming.stream, status, { metadata });
  return status;
}

function lateness(call: RunningCall, stages: CallStages): GateError | undefined {
  if (call.gone.signal.aborted) return GateError.from(call.gone.signal.reason);
  if (call.deadline !== undefined && call.deadline <= stages.clock.now()) {
    return new GateError('deadline-exceeded', 'the deadline passed before the call could be forwarded');
  }
  return undefined;
}
