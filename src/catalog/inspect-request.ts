import { GateError } from '../core/gate-error.ts';
import type { Method, RequestFacts } from '../core/method.ts';
import { decodeStrict } from './canonical.ts';
import { displayText } from './display-text.ts';
import { isPinned } from './image-reference.ts';
import { type MethodPlan, planOf } from './method-plan.ts';
import type { FieldDigest } from './summary.ts';

export type { FieldDigest } from './summary.ts';

/**
 * Says what a request asks for, from the payload of the only or first message of a call. `canonical` may be the payload
 * itself, so the caller must not write to it afterwards.
 * Throws GateError `malformed-message` when the bytes do not have exactly one meaning, `denied` when what they ask for
 * cannot be judged (a path with `..`).
 */
export function inspectRequest(method: Method, payload: Uint8Array, digest: FieldDigest): RequestFacts {
  const plan = planOf(method);
  if (payload.length > 0) return gatherFacts(method, plan, payload, digest);
  // An empty message has nothing to digest and always says the same.
  plan.emptyFacts ??= Object.freeze(gatherFacts(method, plan, new Uint8Array(), digest));
  return plan.emptyFacts;
}

function gatherFacts(method: Method, plan: MethodPlan, payload: Uint8Array, digest: FieldDigest): RequestFacts {
  const { message, canonical } = decodeStrict(plan.input, plan.wire, payload);
  const { action, risk, leastRole } = plan.raised(message) ?? method;
  const resources = plan.resources(message);
  return {
    action,
    risk,
    leastRole,
    resource: resources.join(' '),
    resources,
    canonical,
    unpinnedImage: unpinned(plan.image?.(message)),
    configuration: plan.configuration?.(message),
    summary: plan.summarize(message, digest),
  };
}

function unpinned(image: string | undefined): string | undefined {
  if (image === undefined || isPinned(image)) return undefined;
  if (image === '') throw new GateError('malformed-message', 'the request names no image to run');
  return displayText(image);
}
