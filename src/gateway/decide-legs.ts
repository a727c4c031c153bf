import { type ApprovalTerms, joinTerms } from '../core/approval-terms.ts';
import type { PolicyQuestion } from '../core/decision.ts';
import { GateError } from '../core/gate-error.ts';
import type { GrpcStatus } from '../core/grpc.ts';
import type { Method, RequestFacts } from '../core/method.ts';
import type { Principal } from '../core/principal.ts';
import type { Target, UnknownNode } from '../core/target.ts';
import type { RunningCall } from './calls.ts';
import { statusOf } from './grpc-status.ts';
import type { Leg } from './leg.ts';
import type { Admitted, CallStages, Refusal } from './stages.ts';

/** One decision for each target. Two spellings of one node get the same. */
export function decideLegs(call: RunningCall, admitted: Admitted, stages: CallStages): Leg[] {
  const { route, facts } = admitted;
  const targets = route.kind === 'single' ? [route.target] : route.targets;
  const others = new Set(unknownNodes(admitted).map(({ at }) => at));
  const positions = Array.from({ length: targets.length + others.size }, (_, at) => at).filter(at => !others.has(at));
  return targets.map((target, at) => ({
    ...{ index: positions[at] ?? at, target, talosRole: facts.leastRole, grant: undefined },
    ...decideTarget(principalOf(call), target, admitted, stages),
  }));
}

/** Nodes that nobody knows, named beside others in a read. */
export function unknownNodes({ route }: Pick<Admitted, 'route'>): readonly UnknownNode[] {
  return route.kind === 'aggregate' ? route.unknown : [];
}

/** What the caller is told in the place of such a node. */
export function unknownNodeStatus({ message }: UnknownNode): GrpcStatus {
  return statusOf(new GateError('unknown-target', message));
}

/**
 * What policy says about one target. Each resource of the request is a question of its own; the first that is denied
 * denies the request, and one that needs approval makes all of it need approval.
 */
export function decideTarget(
  principal: Principal,
  target: Target,
  { facts, method }: Pick<Admitted, 'facts' | 'method'>,
  stages: Pick<CallStages, 'decide'>,
): Pick<Leg, 'decision' | 'about'> {
  let worst: Pick<Leg, 'decision' | 'about'> | undefined;
  for (const about of facts.resources) {
    const decision = stages.decide(questionFor(principal, target, facts, method, about));
    if (decision.effect === 'deny') return { decision, about };
    if (worst === undefined || (decision.effect === 'approve' && worst.decision.effect === 'allow')) {
      worst = { decision, about };
    }
  }
  if (worst === undefined) throw new GateError('internal', 'a request about nothing');
  return worst;
}

/** What an approval of the request on one target takes. */
export function termsOf(
  principal: Principal,
  target: Target,
  { facts, method }: Pick<Admitted, 'facts' | 'method'>,
  stages: Pick<CallStages, 'termsFor'>,
): ApprovalTerms {
  return joinTerms(facts.resources.map(about => stages.termsFor(questionFor(principal, target, facts, method, about))));
}

/**
 * Says when a denial ends the whole call. For reads on several nodes it does not: the denied node becomes an in-band
 * error, as a role failure on a node would. For everything else it does, before any node is contacted, because half a
 * change is worse than none.
 */
export function denialOf(
  call: RunningCall,
  admitted: Admitted,
  legs: readonly Leg[],
  stages: CallStages,
): Refusal | undefined {
  const denied = legs.filter(leg => leg.decision.effect === 'deny');
  const first = denied[0];
  if (first?.decision.effect !== 'deny') return undefined;
  if (admitted.route.kind === 'aggregate' && admitted.facts.risk === 'read') return undefined;
  return {
    reason: first.decision.reason,
    error: new GateError('denied', denialText(call, first, stages)),
    legs: denied,
  };
}

/** What a denied caller is told about one leg. */
export function denialText(call: RunningCall, leg: Leg, stages: Pick<CallStages, 'refusalMessage'>): string {
  const { method, facts } = call;
  if (method === undefined || facts === undefined) return `refused (call ${call.id})`;
  const question = questionFor(principalOf(call), leg.target, facts, method, leg.about);
  return stages.refusalMessage(leg.decision, question, call.id);
}

/** The question that policy answers for one target and one resource. */
export function questionFor(
  principal: PolicyQuestion['principal'],
  target: Target,
  facts: RequestFacts,
  method: Method,
  resource: string,
): PolicyQuestion {
  return {
    principal,
    cluster: target.cluster,
    node: target.node,
    labels: target.labels,
    action: facts.action,
    risk: facts.risk,
    resource,
    approvalFloor: method.approvalFloor,
  };
}

/** The caller of a call that was admitted. */
export function principalOf(call: RunningCall): Principal {
  if (call.principal === undefined) throw new GateError('internal', 'call without a principal');
  return call.principal;
}
