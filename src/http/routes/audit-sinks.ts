import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { GateError } from '../../core/gate-error.ts';
import { type Access, principalOf, whereFrom } from '../access.ts';
import type { HttpDependencies } from '../dependencies.ts';
import type { TypedServer } from '../typed-server.ts';

const readAccess = {
  kind: 'action',
  action: 'audit.read',
  risk: 'read',
  subject: () => ({ resource: 'audit' }),
} as const;
const changeAccess: Access = {
  kind: 'action',
  action: 'audit.sinks',
  risk: 'write',
  peopleOnly: true,
  subject: request => ({ resource: (request.params as { name: string }).name }),
};
const time = (description: string) => Type.Optional(Type.String({ description }));
const nameParams = Type.Object({ name: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' }) });

const sinkSchema = Type.Object(
  {
    name: Type.String(),
    state: Type.String({
      description: 'running, failing (away, tried again) or stopped (refuses the record at next).',
    }),
    next: Type.Integer({ description: 'Index of the next record it will get.' }),
    lag: Type.Integer({ description: 'Records it has not got yet.' }),
    waitingSince: time('When the next record for it was written, RFC 3339.'),
    failingSince: time('RFC 3339.'),
    movedAt: time('When it last took records, RFC 3339.'),
    error: Type.String(),
    replica: Type.String({ description: 'Who delivers, or did last.' }),
  },
  { $id: 'Sink' },
);

/** Receivers of exports: where they stand, and what people may do about one that stopped. Changes are recorded first. */
export function auditSinkRoutes(server: TypedServer, dependencies: HttpDependencies): void {
  server.get(
    '/api/v1/audit/sinks',
    {
      config: { access: readAccess },
      schema: { tags: ['audit'], response: { 200: Type.Object({ sinks: Type.Array(sinkSchema) }) } },
    },
    async () => {
      const sinks = await dependencies.sinks.list();
      return {
        sinks: sinks.map(({ waitingSince, failingSince, movedAt, ...rest }) => ({
          ...rest,
          movedAt: new Date(movedAt).toISOString(),
          ...(waitingSince === undefined ? {} : { waitingSince: new Date(waitingSince).toISOString() }),
          ...(failingSince === undefined ? {} : { failingSince: new Date(failingSince).toISOString() }),
        })),
      };
    },
  );
  server.post(
    '/api/v1/audit/sinks/:name/resume',
    {
      config: { access: changeAccess },
      schema: {
        tags: ['audit'],
        description:
          'Lets a stopped receiver try again, or passes over the record that it refuses when its index is given.',
        params: nameParams,
        body: Type.Object(
          {
            skip: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
            reason: Type.String({ minLength: 1, maxLength: 500 }),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ resumed: Type.String() }) },
      },
    },
    async request => {
      const { name } = request.params;
      const { skip, reason } = request.body;
      await record(dependencies, request, {
        event: 'resume',
        ...(skip === undefined ? {} : { skip: String(skip) }),
        reason,
      });
      if (await dependencies.sinks.resume(name, skip)) return { resumed: name };
      throw new GateError(
        'conflict',
        `${name} is not stopped${skip === undefined ? '' : ` at ${skip}`}; see: talosgate audit sinks list`,
      );
    },
  );
  server.post(
    '/api/v1/audit/sinks/:name/forget',
    {
      config: { access: changeAccess },
      schema: {
        tags: ['audit'],
        description: 'Forgets the place of a receiver that no configuration names any more.',
        params: nameParams,
        body: Type.Object({ reason: Type.String({ minLength: 1, maxLength: 500 }) }, { additionalProperties: false }),
        response: { 200: Type.Object({ forgotten: Type.String() }) },
      },
    },
    async request => {
      const { name } = request.params;
      await record(dependencies, request, { event: 'forget', reason: request.body.reason });
      if (await dependencies.sinks.forget(name)) return { forgotten: name };
      throw new GateError('conflict', `${name} is in use or unknown; take it out of the configuration first`);
    },
  );
}

async function record(
  dependencies: HttpDependencies,
  request: FastifyRequest,
  details: Readonly<Record<string, string>>,
): Promise<void> {
  const { id, kind, groups, proofs } = principalOf(request);
  await dependencies.record({
    ...whereFrom(request),
    kind: 'audit.sink',
    principal: id,
    principalKind: kind,
    groups,
    proofs,
    action: 'audit.sinks',
    risk: 'write',
    resource: (request.params as { name: string }).name,
    decision: 'allow',
    policyRevision: dependencies.policyRevision(),
    details,
  });
}
