import { inspectRequest } from '../catalog/inspect-request.ts';
import { GateError } from '../core/gate-error.ts';
import { actedFrom } from './call-records.ts';
import type { RunningCall } from './calls.ts';
import type { Admitted, CallStages, Step } from './stages.ts';

/**
 * Catalog, identity and fleet, then the first message. The body is opened only for callers who proved themselves and
 * named a node that exists.
 */
export async function admit(call: RunningCall, stages: CallStages): Promise<Step<Admitted>> {
  const { head, peer } = call.incoming;
  if (!head.ok) return stop('malformed-request', head.error);
  const method = stages.catalog.lookup(head.path);
  call.method = method;
  const proof = await stages.identity.authenticate({ peer, authorization: head.authorization });
  if (!proof.ok) {
    const claimed: Record<string, string> = proof.claimed === undefined ? {} : { claimed: proof.claimed };
    const error = new GateError('unauthenticated', proof.message);
    return stop('unauthenticated', error, { failure: proof.reason, ...claimed });
  }
  call.principal = proof.principal;
  stages.logins.seen({ ...actedFrom(call), principal: proof.principal.id });
  // Asked after identity, so that the record names the caller and strangers learn nothing about methods.
  if (method === undefined) {
    return stop(
      'unknown-method',
      new GateError('unknown-method', 'talosgate does not know this method, so it is refused'),
    );
  }
  const found = stages.fleet.resolve({ context: head.context, node: head.node, nodes: head.nodes });
  if (!found.ok) return stop('unknown-target', new GateError('unknown-target', found.message));
  if (found.route.kind === 'aggregate' && !method.aggregates) {
    // apid's own words, so that clients that look for them find them.
    const message = `one-2-many proxying is not supported for method ${method.path}; name one node`;
    return stop('malformed-request', new GateError('bad-request', message));
  }
  const body = call.incoming.openBody(method.kind);
  const first = await readable(async () => await body.readFirst(call.gone.signal));
  if (!first.ok) return first;
  const facts = await readable(() => inspectRequest(method, first.value, stages.digest));
  if (!facts.ok) return facts;
  call.facts = facts.value;
  const lost = found.route.kind === 'aggregate' ? found.route.unknown[0] : undefined;
  // For reads it becomes an error in its place. Everything else is done on all nodes or on none.
  if (lost !== undefined && facts.value.risk !== 'read') {
    return stop('unknown-target', new GateError('unknown-target', lost.message));
  }
  call.requestDigest = stages.digest('request', facts.value.canonical).digest;
  return { ok: true, value: { method, facts: facts.value, route: found.route, body } };
}

/** What the caller sent wrongly is a refusal; what broke in here, or a caller who has gone, is not. */
async function readable<T>(read: () => T | Promise<T>): Promise<Step<T>> {
  try {
    return { ok: true, value: await read() };
  } catch (thrown) {
    const error = GateError.from(thrown);
    if (error.code === 'internal' || error.code === 'cancelled') throw thrown;
    return stop(reasonFor(error), error);
  }
}

function reasonFor(error: GateError): Parameters<typeof stop>[0] {
  switch (error.code) {
    case 'overloaded':
    case 'unauthenticated':
      return error.code;
    case 'draining':
      return 'cancelled';
    default:
      return 'malformed-request';
  }
}

function stop(
  reason: 'malformed-request' | 'unauthenticated' | 'unknown-method' | 'unknown-target' | 'overloaded' | 'cancelled',
  error: GateError,
  details?: Readonly<Record<string, string>>,
): Step<never> {
  return { ok: false, refusal: { reason, error, legs: [], details } };
}
