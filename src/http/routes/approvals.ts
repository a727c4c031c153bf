import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Approval } from '../../core/approval.ts';
import { approvalStates } from '../../core/approval.ts';
import { GateError } from '../../core/gate-error.ts';
import { type AccessSubject, principalOf, whereFrom } from '../access.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { type ApprovalBody, approvalSchema } from '../schemas.ts';
import type { TypedServer } from '../typed-server.ts';

const idParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) });

/** Requests for a second person's agreement. Who may decide is a policy line about the action being approved. */
export function approvalRoutes(server: TypedServer, dependencies: HttpDependencies): void {
  const aboutApproval = async (request: FastifyRequest): Promise<AccessSubject> => {
    const { id } = request.params as { id: string };
    const approval = await dependencies.approvals.get(id);
    // An id that leads nowhere is decided on like any other, so that only those who may decide learn which exist.
    if (approval === undefined) return {};
    const { cluster, node, action } = approval;
    return { cluster, node, resource: action, labels: dependencies.findTarget(cluster, node)?.labels ?? {} };
  };
  server.get(
    '/api/v1/approvals',
    {
      config: {
        access: { kind: 'action', action: 'approvals.read', risk: 'read', subject: () => ({ resource: 'approvals' }) },
      },
      schema: {
        tags: ['approvals'],
        querystring: Type.Object(
          {
            state: Type.Optional(Type.Union(approvalStates.map(state => Type.Literal(state)))),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ approvals: Type.Array(approvalSchema) }) },
      },
    },
    async request => {
      const approvals = await dependencies.approvals.list({
        state: request.query.state,
        limit: request.query.limit ?? 50,
      });
      return { approvals: approvals.map(toBody) };
    },
  );
  server.get(
    '/api/v1/approvals/:id',
    {
      config: {
        access: { kind: 'action', action: 'approvals.read', risk: 'read', subject: () => ({ resource: 'approvals' }) },
      },
      schema: { tags: ['approvals'], params: idParams, response: { 200: approvalSchema } },
    },
    async request => toBody(await required(dependencies, request.params.id)),
  );
  server.post(
    '/api/v1/approvals/:id/decision',
    {
      config: {
        access: { kind: 'action', action: 'approvals.decide', risk: 'write', peopleOnly: true, subject: aboutApproval },
      },
      schema: {
        tags: ['approvals'],
        params: idParams,
        body: Type.Object(
          {
            verdict: Type.Union([Type.Literal('approve'), Type.Literal('deny')]),
            reason: Type.String({ maxLength: 500, default: '' }),
          },
          { additionalProperties: false },
        ),
        response: { 200: approvalSchema },
      },
    },
    async request => {
      const { verdict, reason } = request.body;
      const { id, kind, groups, proofs } = principalOf(request);
      const from = { ...whereFrom(request), principalKind: kind, groups, proofs };
      const vote = { id: request.params.id, by: id, groups, verdict, reason, from };
      return toBody(await dependencies.approvals.decide(vote));
    },
  );
}

async function required(dependencies: HttpDependencies, id: string): Promise<Approval> {
  const approval = await dependencies.approvals.get(id);
  if (approval === undefined)
    throw new GateError('not-found', `no approval ${id.slice(0, 64)}; see: talosgate approvals list`);
  return approval;
}

function toBody(approval: Approval): ApprovalBody {
  return {
    id: approval.id,
    state: approval.state,
    requester: approval.requester,
    cluster: approval.cluster,
    node: approval.node,
    method: approval.method,
    action: approval.action,
    resource: approval.resource,
    binding: approval.binding,
    summary: { ...approval.summary },
    reason: approval.reason,
    created: new Date(approval.createdAt).toISOString(),
    expires: new Date(approval.expiresAt).toISOString(),
    votes: approval.votes.map(vote => ({ ...vote, at: new Date(vote.at).toISOString() })),
  };
}
