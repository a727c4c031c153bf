import { askForGrant } from '../approvals/ask.ts';
import { bindCall } from '../approvals/binding.ts';
import { whyNotAlone } from '../approvals/emergency.ts';
import { holdForApproval } from '../approvals/hold.ts';
import { voidVotes } from '../approvals/quorum.ts';
import type { NewApproval } from '../approvals/store.ts';
import type { Approval, ApprovalVote } from '../core/approval.ts';
import { provenAt } from '../core/authentication.ts';
import { GateError } from '../core/gate-error.ts';
import { encodeFrame } from '../core/grpc-frame.ts';
import { callerName } from '../core/principal.ts';
import { actedFrom } from './call-records.ts';
import { endOf, type RunningCall } from './calls.ts';
import { decideTarget, principalOf, questionFor, termsOf } from './decide-legs.ts';
import { encodeResize, heldTerminal } from './held-debug.ts';
import type { Leg } from './leg.ts';
import type { Admitted, CallStages, Granted, Refusal, Step } from './stages.ts';

/**
 * Finds or waits for the grants that the legs need. A shell is held in the caller's terminal; every other call is told
 * to come again. A grant counts only while the requester and enough of its approvers still have the right.
 */
export async function obtainGrants(
  call: RunningCall,
  admitted: Admitted,
  legs: readonly Leg[],
  stages: CallStages,
): Promise<Step<Granted>> {
  if (legs.every(leg => leg.decision.effect !== 'approve')) return { ok: true, value: { legs, replay: [] } };
  if (admitted.method.risk === 'shell') return await holdShell(call, admitted, legs, stages);
  if (admitted.method.kind === 'client-streaming' || admitted.method.kind === 'bidi-streaming') {
    const pending = legs.filter(leg => leg.decision.effect === 'approve');
    // Only the first message could be bound, and the rest of an upload is what matters.
    const message = `${admitted.facts.action} needs approval, and an upload cannot be approved yet; use an image by digest`;
    return { ok: false, refusal: { reason: 'unsupported', error: new GateError('denied', message), legs: pending } };
  }
  const granted: Leg[] = [];
  for (const leg of legs) {
    if (leg.decision.effect !== 'approve') {
      granted.push(leg);
      continue;
    }
    const request = requestFor(call, admitted, leg, stages);
    const { store, texts } = stages.approvals;
    const answer = await askForGrant({ store, request, texts });
    if (answer.kind !== 'granted') {
      return refused(leg, 'approval-required', new GateError('approval-required', answer.message), answer.approvalId);
    }
    const checked = await checkGrant(call, admitted, leg, answer.approval, stages);
    if (!checked.ok) return checked;
    granted.push(checked.value);
  }
  return { ok: true, value: { legs: granted, replay: [] } };
}

async function holdShell(
  call: RunningCall,
  admitted: Admitted,
  legs: readonly Leg[],
  stages: CallStages,
): Promise<Step<Granted>> {
  const leg = legs[0];
  if (leg === undefined || legs.length !== 1) throw new GateError('internal', 'a shell call to several nodes');
  const { unpinnedImage } = admitted.facts;
  if (unpinnedImage !== undefined) {
    const message =
      'the debug image must be named by digest, so that what is approved is what runs: name@sha256:...; ' +
      'talosctl does so by itself when it pulls the image first';
    return refused(leg, 'unpinned-image', new GateError('approval-refused', message));
  }
  const { store, texts, reasonRequired, emergency } = stages.approvals;
  const request = requestFor(call, admitted, leg, stages);
  const result = await holdForApproval({
    terminal: heldTerminal(call, admitted),
    store,
    request,
    emergency: emergency.settings.enabled
      ? {
          refusal: () => aloneRefusal(call, admitted, leg, stages),
          start: reason => emergency.start({ ...request, reason }),
        }
      : undefined,
    reasonRequired,
    clock: stages.clock,
    signal: call.gone.signal,
    texts,
  });
  if (result.kind === 'ended') {
    const ended = new GateError(result.code, result.message);
    const error = endOf(call, ended);
    if (error !== ended) return refused(leg, 'unauthenticated', error);
    const reason =
      result.how === 'denied' ? 'approval-refused' : result.how === 'cancelled' ? 'cancelled' : 'approval-required';
    return refused(leg, reason, error, undefined, true);
  }
  const checked = await checkGrant(call, admitted, leg, result.approval, stages);
  if (!checked.ok) return checked;
  const replay = result.resize === undefined ? [] : [encodeFrame(encodeResize(result.resize))];
  return { ok: true, value: { legs: [checked.value], replay } };
}

/** Asks policy again, about the requester and about each approver, right before the grant is used. */
async function checkGrant(
  call: RunningCall,
  admitted: Admitted,
  leg: Leg,
  approval: Approval,
  stages: CallStages,
): Promise<Step<Leg>> {
  const { decision, about } = decideTarget(principalOf(call), leg.target, admitted, stages);
  if (decision.effect === 'deny') {
    const question = questionFor(principalOf(call), leg.target, admitted.facts, admitted.method, about);
    const error = new GateError('denied', stages.refusalMessage(decision, question, call.id));
    return refused({ ...leg, decision, about }, decision.reason, error, approval.id);
  }
  const { notBefore } = approval;
  if (notBefore !== undefined && stages.clock.now() < notBefore) {
    const from = new Date(notBefore).toISOString();
    const message = `approval ${approval.id} may be used from ${from} on; nothing was started, run the same again then`;
    return refused(leg, 'approval-required', new GateError('approval-required', message), approval.id);
  }
  // The record of the call names the decision that let it through, which is this one.
  const passed = decision.effect === 'approve' ? decision : { ...decision, effect: 'approve' as const, floor: false };
  if (approval.emergency) {
    const why = aloneRefusal(call, admitted, leg, stages);
    if (why === undefined) return { ok: true, value: { ...leg, decision: passed, grant: approval } };
    const message = `emergency ${approval.id} cannot be used: ${why}; nothing was started`;
    return refused(leg, 'approval-refused', new GateError('approval-refused', message), approval.id);
  }
  const mayDecide = (person: string, vote: ApprovalVote): boolean =>
    stages.decide({
      principal: { id: person, kind: 'person', groups: vote.groups },
      cluster: leg.target.cluster,
      node: leg.target.node,
      labels: leg.target.labels,
      action: 'approvals.decide',
      risk: 'write',
      resource: approval.action,
      approvalFloor: false,
    }).effect === 'allow';
  const votes = voidVotes(approval, mayDecide, termsOf(principalOf(call), leg.target, admitted, stages).quorum);
  if (!votes.enough) {
    // Taken back, or the next try would find the same void grant.
    await stages.approvals.store.withdraw(
      approval.id,
      'talosgate',
      votes.void.length > 0 ? 'an approver may not decide any more' : 'policy asks for more approvals by now',
      actedFrom(call),
    );
    const why =
      votes.void.length > 0
        ? `${votes.void.join(', ')} may not decide any more`
        : 'policy asks for more approvals by now';
    const message = `approval ${approval.id} no longer counts: ${why}; ask anew`;
    return refused(leg, 'approval-refused', new GateError('approval-refused', message), approval.id);
  }
  return { ok: true, value: { ...leg, decision: passed, grant: approval } };
}

/** Why the caller may not start this alone, asked anew each time. */
function aloneRefusal(call: RunningCall, admitted: Admitted, leg: Leg, stages: CallStages): string | undefined {
  const principal = principalOf(call);
  const { cluster, node, labels } = leg.target;
  const decision = stages.decide({
    ...{ principal, cluster, node, labels, action: 'approvals.emergency', risk: 'write' },
    ...{ resource: admitted.facts.action, approvalFloor: false },
  });
  const caller = {
    kind: principal.kind,
    provenAt: provenAt(principal, call.incoming.peer),
    allowed: decision.effect === 'allow',
  };
  return whyNotAlone(stages.approvals.emergency.settings, caller, stages.clock.now());
}

function requestFor(call: RunningCall, admitted: Admitted, leg: Leg, stages: CallStages): Omit<NewApproval, 'reason'> {
  const requester = callerName(principalOf(call));
  const { facts, method } = admitted;
  const { cluster, node } = leg.target;
  return {
    ...bindCall({ requester, cluster, node, method: method.path, canonical: facts.canonical }),
    requester,
    cluster,
    node,
    method: method.path,
    action: facts.action,
    resource: facts.resource,
    summary: facts.summary,
    terms: termsOf(principalOf(call), leg.target, admitted, stages),
    from: actedFrom(call),
  };
}

function refused(
  leg: Leg,
  reason: Refusal['reason'],
  error: GateError,
  approvalId?: string,
  answered = false,
): { readonly ok: false; readonly refusal: Refusal } {
  const details = approvalId === undefined ? undefined : { approval: approvalId };
  return { ok: false, refusal: { reason, error, legs: [leg], details, answered } };
}
