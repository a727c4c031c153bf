import { Type } from 'typebox';
import { GateError } from '../../core/gate-error.ts';
import { filterFields, timeOf, toFilter } from '../audit-query.ts';
import { auditReadAccess as access, readerOf, recordRead, toBody } from '../audit-reading.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { auditEntrySchema, auditStatsSchema } from '../schemas.ts';
import type { TypedServer } from '../typed-server.ts';

const index = (description: string) => Type.Optional(Type.String({ pattern: '^[0-9]{1,18}$', description }));
const dayMs = 86_400_000;

/** The audit log for people with `audit.read`. Each read is recorded before it is answered. */
export function auditRoutes(server: TypedServer, dependencies: HttpDependencies): void {
  server.get(
    '/api/v1/audit',
    {
      config: { access },
      schema: {
        tags: ['audit'],
        description: 'Records by any combination of filters. The next page begins at the last index of this one.',
        querystring: Type.Object(
          {
            ...filterFields,
            limit: Type.Optional(
              Type.Integer({ minimum: 1, maximum: 1000, default: 50, description: 'How many, at most 1000.' }),
            ),
            before: index('Entries below this index, newest first.'),
            after: index('Entries above this index, oldest first.'),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ entries: Type.Array(auditEntrySchema) }) },
      },
    },
    async request => {
      const reader = readerOf(dependencies);
      const { limit, before, after, ...query } = request.query;
      const filter = toFilter(query);
      await recordRead(dependencies, request);
      const entries = await reader.list(filter, { limit: limit ?? 50, before, after });
      return { entries: entries.map(toBody) };
    },
  );
  server.get(
    '/api/v1/audit/calls/:call',
    {
      config: { access },
      schema: {
        tags: ['audit'],
        description: 'All records of one call and of the approvals it used, in log order.',
        params: Type.Object({
          call: Type.String({ pattern: '^[0-9a-f-]{36}$', description: 'Call id, as audit list shows it.' }),
        }),
        response: { 200: Type.Object({ entries: Type.Array(auditEntrySchema) }) },
      },
    },
    async request => {
      const reader = readerOf(dependencies);
      await recordRead(dependencies, request);
      const entries = await reader.call(request.params.call);
      if (entries.length === 0) throw new GateError('not-found', `no call ${request.params.call} in the audit log`);
      return { entries: entries.map(toBody) };
    },
  );
  server.get(
    '/api/v1/audit/stats',
    {
      config: { access },
      schema: {
        tags: ['audit'],
        description: 'How often each value occurs among the node calls of a time; the last day unless said.',
        querystring: Type.Object(
          {
            since: filterFields.since,
            until: filterFields.until,
            top: Type.Optional(
              Type.Integer({ minimum: 1, maximum: 1000, default: 20, description: 'Values of each kind.' }),
            ),
          },
          { additionalProperties: false },
        ),
        response: { 200: auditStatsSchema },
      },
    },
    async request => {
      const reader = readerOf(dependencies);
      const until = timeOf('until', request.query.until) ?? dependencies.clock.now();
      const since = timeOf('since', request.query.since) ?? until - dayMs;
      if (since > until) throw new GateError('bad-request', 'since lies after until; swap them');
      await recordRead(dependencies, request);
      const { calls, who, action, decision, node, outcome } = await reader.stats(since, until, request.query.top ?? 20);
      const time = { since: new Date(since).toISOString(), until: new Date(until).toISOString() };
      const list = (counts: typeof who): { value: string; count: number }[] => counts.map(one => ({ ...one }));
      return {
        ...time,
        calls,
        who: list(who),
        action: list(action),
        decision: list(decision),
        node: list(node),
        outcome: list(outcome),
      };
    },
  );
}
