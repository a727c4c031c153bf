import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { callerName } from '../../core/principal.ts';
import { type Access, type AccessSubject, actedThere, principalOf } from '../access.ts';
import { noApproval, toBody } from '../approval-body.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { peerOf } from '../peer.ts';
import { approvalSchema } from '../schemas.ts';
import type { TypedServer } from '../typed-server.ts';
import { idParams } from './approvals.ts';

const reason = Type.String({ maxLength: 500, default: '' });

/**
 * What people do with a request: decide, take a grant back, end what runs on it. Who may is a policy line about the action
 * being approved. Taking one's own request back needs no line.
 */
export function decisionRoutes(server: TypedServer, dependencies: HttpDependencies): void {
  const { approvals, findTarget } = dependencies;
  const subject = async (request: FastifyRequest): Promise<AccessSubject> => {
    const approval = await approvals.get((request.params as { id: string }).id);
    // An id that leads nowhere is decided on like any other, so that only those who may decide learn which exist.
    if (approval === undefined) return {};
    const { cluster, node, action } = approval;
    return { cluster, node, resource: action, labels: findTarget(cluster, node)?.labels ?? {} };
  };
  const mayDecide: Access = { kind: 'action', action: 'approvals.decide', risk: 'write', peopleOnly: true, subject };
  const schema = { tags: ['approvals'], params: idParams, response: { 200: approvalSchema } };
  const why = Type.Object({ reason }, { additionalProperties: false });

  server.post(
    '/api/v1/approvals/:id/decision',
    {
      config: { access: mayDecide },
      schema: {
        ...schema,
        body: Type.Object(
          {
            verdict: Type.Union([Type.Literal('approve'), Type.Literal('deny')]),
            reason,
            signature: Type.Optional(
              Type.String({
                minLength: 1,
                maxLength: 2000,
                description: 'Over the decision, with the key of your client certificate, base64; docs/approvals.md.',
              }),
            ),
          },
          { additionalProperties: false },
        ),
      },
    },
    async request => {
      const { id, groups } = principalOf(request);
      const { signature: value, ...decision } = request.body;
      const signature = value === undefined ? undefined : { value, certificate: certificateOf(request) };
      const vote = { ...decision, id: request.params.id, by: id, groups, signature, from: actedThere(request) };
      return toBody(await approvals.decide(vote));
    },
  );
  server.post(
    '/api/v1/approvals/:id/withdraw',
    { config: { access: mayDecide }, schema: { ...schema, body: why } },
    async request => {
      const by = principalOf(request).id;
      return toBody(await approvals.withdraw(request.params.id, by, request.body.reason, actedThere(request)));
    },
  );
  server.post(
    '/api/v1/approvals/:id/revoke',
    { config: { access: mayDecide }, schema: { ...schema, body: why } },
    async request => {
      const by = principalOf(request).id;
      return toBody(await approvals.revoke(request.params.id, by, request.body.reason, actedThere(request)));
    },
  );
  server.post(
    '/api/v1/approvals/:id/cancel',
    { config: { access: { kind: 'authenticated' } }, schema: { ...schema, body: why } },
    async request => {
      const by = callerName(principalOf(request));
      const { id } = request.params;
      const approval = await approvals.get(id);
      // Other people's requests are not there for who may only cancel their own.
      if (approval === undefined || approval.requester.toLowerCase() !== by.toLowerCase()) throw noApproval(id);
      return toBody(await approvals.cancel(id, by, request.body.reason, actedThere(request)));
    },
  );
}

/** The certificate whose key the connection proved; identity has judged it already. */
function certificateOf(request: FastifyRequest): Uint8Array | undefined {
  const peer = peerOf(request.raw);
  return peer.chainVerified ? peer.certificate : undefined;
}
