import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { bindCall } from '../../approvals/binding.ts';
import { whyNotAlone } from '../../approvals/emergency.ts';
import { joinTerms } from '../../core/approval-terms.ts';
import { provenAt } from '../../core/authentication.ts';
import type { Decision, PolicyQuestion } from '../../core/decision.ts';
import { GateError } from '../../core/gate-error.ts';
import type { Method, RequestFacts } from '../../core/method.ts';
import { callerName } from '../../core/principal.ts';
import type { Target } from '../../core/target.ts';
import { actedThere, principalOf } from '../access.ts';
import { toBody } from '../approval-body.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { peerOf } from '../peer.ts';
import { approvalSchema } from '../schemas.ts';
import type { TypedServer } from '../typed-server.ts';

/** Asked beforehand: a call that is not made yet. */
interface Beforehand {
  readonly method: Method;
  readonly facts: RequestFacts;
  readonly target: Target;
}

const known = new WeakMap<FastifyRequest, Beforehand>();

const weekMs = 7 * 24 * 3_600_000;

/**
 * Raises requests for calls that are not made yet. The request is read, judged and bound exactly as that of a call, so
 * the call finds the grant by its hash.
 */
export function requestRoutes(server: TypedServer, dependencies: HttpDependencies): void {
  server.post(
    '/api/v1/approvals',
    {
      // A machine configuration is part of the request.
      bodyLimit: 4 * 1024 * 1024,
      config: {
        access: {
          kind: 'action',
          action: 'approvals.request',
          risk: 'write',
          subject: request => {
            const asked = read(request.body as Body, dependencies);
            known.set(request, asked);
            const { cluster, node, labels } = asked.target;
            return { cluster, node, labels, resource: asked.facts.action };
          },
        },
      },
      schema: {
        tags: ['approvals'],
        body: Type.Object(
          {
            cluster: Type.Optional(Type.String({ maxLength: 256 })),
            node: Type.String({ minLength: 1, maxLength: 256 }),
            method: Type.String({ maxLength: 256, description: 'Full gRPC path: /machine.MachineService/Reset.' }),
            request: Type.Record(Type.String(), Type.Unknown(), { description: 'The request as proto3 JSON.' }),
            reason: Type.String({ maxLength: 500, default: '' }),
            emergency: Type.Boolean({ default: false, description: 'Grant it to yourself alone, under review.' }),
            confirm: Type.Optional(
              Type.String({ maxLength: 256, description: 'Emergency: name of the node, typed again.' }),
            ),
            notBefore: Type.Optional(
              Type.String({ maxLength: 40, description: 'RFC 3339; the grant cannot be used before.' }),
            ),
          },
          { additionalProperties: false },
        ),
        response: { 200: approvalSchema },
      },
    },
    async request => {
      const asked = known.get(request);
      if (asked === undefined) throw new GateError('internal', 'a request that was not read');
      return toBody(await raise(request, asked, dependencies));
    },
  );
}

interface Body {
  readonly cluster?: string;
  readonly node: string;
  readonly method: string;
  readonly request: unknown;
  readonly reason: string;
  readonly notBefore?: string;
  readonly emergency: boolean;
  readonly confirm?: string;
}

/** What the body asks for. Throws GateError for what is not there or makes no sense. */
function read({ cluster, node, method: path, request }: Body, { inspect, findTarget }: HttpDependencies): Beforehand {
  const inspected = inspect(path, request);
  if (inspected === undefined) throw new GateError('bad-request', 'talosgate does not know this method');
  const target = findTarget(cluster, node);
  if (target === undefined) throw new GateError('bad-request', 'no such node; name one as talosctl would');
  return { ...inspected, target };
}

async function raise(
  request: FastifyRequest,
  asked: Beforehand,
  dependencies: HttpDependencies,
): ReturnType<HttpDependencies['approvals']['request']> {
  const { method, facts, target } = asked;
  const { reason, notBefore, emergency, confirm } = request.body as Body;
  const principal = principalOf(request);
  const questions = facts.resources.map(
    (resource): PolicyQuestion => ({
      ...{ principal, cluster: target.cluster, node: target.node, labels: target.labels },
      ...{ action: facts.action, risk: facts.risk, resource, approvalFloor: method.approvalFloor },
    }),
  );
  await assertAskable(request, asked, questions.map(dependencies.decide), dependencies);
  const terms = joinTerms(questions.map(dependencies.termsFor));
  const given = reason.trim();
  const requester = callerName(principal);
  const { cluster, node } = target;
  const input = {
    ...bindCall({ requester, cluster, node, method: method.path, canonical: facts.canonical }),
    ...{ requester, cluster, node, method: method.path, action: facts.action, resource: facts.resource },
    ...{ summary: facts.summary, reason: given, terms, from: actedThere(request) },
  };
  if (emergency) {
    await assertAlone(request, asked, dependencies);
    if (notBefore !== undefined) throw new GateError('bad-request', 'an emergency starts now; leave the start out');
    if (confirm !== node) {
      throw new GateError(
        'bad-request',
        `an emergency starts without approval; confirm it with the name of the node: ${node}`,
      );
    }
    return await dependencies.emergency.start(input);
  }
  if (terms.reason !== undefined && !terms.reason.matches(given)) {
    throw new GateError('bad-request', `the reason must hold ${terms.reason.expected}`);
  }
  if (given === '' && method.risk === 'shell') throw new GateError('bad-request', 'say why with --reason');
  const start = notBefore === undefined ? undefined : startOf(notBefore, dependencies.clock.now());
  const approval = await dependencies.approvals.request({ ...input, notBefore: start });
  if (approval.notBefore !== start) {
    const message = `request ${approval.id} for the same call is open with another start; cancel it first`;
    throw new GateError('conflict', message);
  }
  return approval;
}

/** Refuses, on record, who may not start alone. */
async function assertAlone(
  request: FastifyRequest,
  { facts, target }: Beforehand,
  { clock, decide, emergency, record }: HttpDependencies,
): Promise<void> {
  const principal = principalOf(request);
  const { cluster, node, labels } = target;
  const { effect, revision } = decide({
    ...{ principal, cluster, node, labels, action: 'approvals.emergency', risk: 'write' },
    ...{ resource: facts.action, approvalFloor: false },
  });
  const proven = provenAt(principal, peerOf(request.raw));
  const caller = { kind: principal.kind, provenAt: proven, allowed: effect === 'allow' };
  const why = whyNotAlone(emergency.settings, caller, clock.now());
  if (why === undefined) return;
  await record({
    ...actedThere(request),
    ...{ kind: 'call.deny', principal: principal.id, method: 'POST /api/v1/approvals', action: 'approvals.emergency' },
    ...{
      resource: facts.action,
      cluster,
      node,
      decision: 'deny',
      reason: 'approval-refused',
      policyRevision: revision,
    },
    details: { why },
  });
  throw new GateError('denied', why);
}

/** Only what would be held for approval can be asked for, and only what an approval could bind. */
async function assertAskable(
  request: FastifyRequest,
  { method, facts, target }: Beforehand,
  decisions: readonly Decision[],
  { record }: HttpDependencies,
): Promise<void> {
  const denied = decisions.find(decision => decision.effect === 'deny');
  if (denied !== undefined) {
    const { id } = principalOf(request);
    const { cluster, node } = target;
    await record({
      ...actedThere(request),
      ...{ kind: 'call.deny', principal: id, method: 'POST /api/v1/approvals', action: facts.action, risk: facts.risk },
      ...{ resource: facts.resource, cluster, node, decision: 'deny', reason: denied.reason },
      policyRevision: denied.revision,
    });
    throw new GateError(
      'denied',
      `${id} may not ${facts.action} on ${facts.resource} of ${node}, so it cannot be asked for`,
    );
  }
  if (decisions.every(decision => decision.effect === 'allow')) {
    throw new GateError('conflict', `${facts.action} on ${target.node} needs no approval from you; just run it`);
  }
  if (method.risk !== 'shell' && (method.kind === 'client-streaming' || method.kind === 'bidi-streaming')) {
    throw new GateError('bad-request', `${facts.action} is an upload, which cannot be approved yet`);
  }
  if (method.risk === 'shell' && facts.unpinnedImage !== undefined) {
    throw new GateError(
      'bad-request',
      'the debug image must be named by digest, so that what is approved is what runs: name@sha256:...',
    );
  }
}

function startOf(text: string, now: number): number {
  const at = Date.parse(text);
  if (Number.isNaN(at) || !/^\d{4}-\d{2}-\d{2}T/.test(text)) {
    throw new GateError('bad-request', 'the start is a time such as 2026-11-23T02:00:00Z');
  }
  if (at <= now || at > now + weekMs) throw new GateError('bad-request', 'the start lies ahead, by at most 7 days');
  return at;
}
