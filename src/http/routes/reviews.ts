import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { GateError } from '../../core/gate-error.ts';
import { type Access, type AccessSubject, actedThere, principalOf } from '../access.ts';
import { toReviewBody } from '../approval-body.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { reviewSchema } from '../schemas.ts';
import type { TypedServer } from '../typed-server.ts';
import { idParams } from './approvals.ts';

/** Reviews of what was started alone. Whoever may decide on the action may close one, but never their own. */
export function reviewRoutes(server: TypedServer, { reviews, findTarget }: HttpDependencies): void {
  const mayRead: Access = {
    ...{ kind: 'action', action: 'approvals.read', risk: 'read' },
    subject: () => ({ resource: 'approvals' }),
  };
  const subject = async (request: FastifyRequest): Promise<AccessSubject> => {
    const review = await reviews.get((request.params as { id: string }).id);
    if (review === undefined) return {};
    const { cluster, node, action } = review.approval;
    return { cluster, node, resource: action, labels: findTarget(cluster, node)?.labels ?? {} };
  };
  server.get(
    '/api/v1/reviews',
    {
      config: { access: mayRead },
      schema: {
        tags: ['approvals'],
        querystring: Type.Object(
          {
            all: Type.Boolean({ default: false, description: 'Closed ones too.' }),
            limit: Type.Integer({ minimum: 1, maximum: 500, default: 50 }),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ reviews: Type.Array(reviewSchema) }) },
      },
    },
    async ({ query: { all, limit } }) => ({
      reviews: (await reviews.list({ openOnly: !all, limit })).map(toReviewBody),
    }),
  );
  server.get(
    '/api/v1/reviews/:id',
    { config: { access: mayRead }, schema: { tags: ['approvals'], params: idParams, response: { 200: reviewSchema } } },
    async ({ params: { id } }) => {
      const review = await reviews.get(id);
      if (review === undefined) {
        throw new GateError('not-found', `no review ${id.slice(0, 64)}; see: talosgate reviews list`);
      }
      return toReviewBody(review);
    },
  );
  server.post(
    '/api/v1/reviews/:id/close',
    {
      config: { access: { kind: 'action', action: 'approvals.decide', risk: 'write', peopleOnly: true, subject } },
      schema: {
        tags: ['approvals'],
        params: idParams,
        body: Type.Object({ finding: Type.String({ minLength: 1, maxLength: 2000 }) }, { additionalProperties: false }),
        response: { 200: reviewSchema },
      },
    },
    async request => {
      const { id } = principalOf(request);
      return toReviewBody(await reviews.close(request.params.id, id, request.body.finding, actedThere(request)));
    },
  );
}
