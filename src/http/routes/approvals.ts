import { Type } from 'typebox';
import { approvalStates } from '../../core/approval.ts';
import { noApproval, toBody } from '../approval-body.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { approvalSchema } from '../schemas.ts';
import type { TypedServer } from '../typed-server.ts';

export const idParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) });

/** Requests for a second person's agreement, for reading. */
export function approvalRoutes(server: TypedServer, dependencies: HttpDependencies): void {
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
    async request => {
      const approval = await dependencies.approvals.get(request.params.id);
      if (approval === undefined) throw noApproval(request.params.id);
      return toBody(approval);
    },
  );
}
